//! The plan as tables for other programs: CSV with a header each, times in seconds.

use std::io::{self, Write};

use peerlab_scenarios::{
    plan::{Plan, WorkloadKind, identity},
    spec::Leave,
    units::Nanos,
};

/// Above this many peers, their identities are left out of the table of peers: a key takes 20 µs to derive.
const MOST_IDENTITIES: u32 = 100_000;

/// Writes one table.
pub type WriteTable = fn(&Plan, &mut dyn Write) -> io::Result<()>;

/// The tables, each by its file's name.
pub const TABLES: [(&str, WriteTable); 5] = [
    ("peers.csv", peers),
    ("edges.csv", edges),
    ("sessions.csv", sessions),
    ("rooms.csv", rooms),
    ("faults.csv", faults),
];

/// An instant, or nothing for one that does not come.
fn seconds(at: Nanos) -> String {
    if at == Nanos::NEVER { String::new() } else { at.as_secs_f64().to_string() }
}

/// Who the peers are.
fn peers(plan: &Plan, out: &mut dyn Write) -> io::Result<()> {
    writeln!(
        out,
        "peer,peer_id,group,region,site,nat,access_seconds,up_bits_per_second,down_bits_per_second"
    )?;
    for peer in plan.peers.iter() {
        let group = plan.peers.group(peer);
        let id = if plan.peers.len() <= MOST_IDENTITIES {
            identity::peer_id(plan.seed, peer).to_string()
        } else {
            String::new()
        };
        let region = &plan.regions.list()[plan.peers.region(peer)].name;
        let site = plan
            .peers
            .site(peer)
            .map(|site| format!("{}-{site}", plan.sites.spec(site).name))
            .unwrap_or_default();
        let nat = serde_json::to_string(&group.spec.nat).expect("a word serialises");
        let access = plan.peers.access(peer).as_secs_f64();
        let (index, name, nat) = (peer.0, &group.spec.name, nat.trim_matches('"'));
        let (up, down) = (group.up.0, group.down.0);
        writeln!(out, "{index},{id},{name},{region},{site},{nat},{access},{up},{down}")?;
    }
    Ok(())
}

/// Who is whose neighbour.
fn edges(plan: &Plan, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "a,b")?;
    plan.graph.links().try_for_each(|[a, b]| writeln!(out, "{a},{b}"))
}

/// When each peer is there, as far as the run goes: what faults stop is not in it.
fn sessions(plan: &Plan, out: &mut dyn Write) -> io::Result<()> {
    let end = plan.spec.duration.saturating_add(plan.spec.cool_down);
    writeln!(out, "peer,from_seconds,until_seconds,leave")?;
    for peer in plan.peers.iter() {
        for session in plan.sessions(peer).take_while(|session| session.from < end) {
            let leave = match (session.to, session.leave) {
                (Nanos::NEVER, _) => "",
                (_, Leave::Crash) => "crash",
                (_, Leave::Graceful) => "graceful",
            };
            writeln!(out, "{},{},{},{leave}", peer.0, seconds(session.from), seconds(session.to))?;
        }
    }
    Ok(())
}

/// Who is in which room, and who keeps its history without being in it.
fn rooms(plan: &Plan, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "workload,room,peer,part")?;
    for workload in &plan.workloads {
        let WorkloadKind::Chat(chat) = &workload.kind else { continue };
        for room in 0..chat.rooms() {
            for (peers, part) in [(chat.members(room), "member"), (chat.archives(), "archive")] {
                for peer in peers {
                    writeln!(out, "{},{room},{},{part}", workload.name, peer.0)?;
                }
            }
        }
    }
    Ok(())
}

/// What goes wrong.
fn faults(plan: &Plan, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "fault,kind,at_seconds,until_seconds")?;
    for fault in &plan.faults {
        let (at, until) = (seconds(fault.at), seconds(fault.until));
        writeln!(out, "{},{},{at},{until}", fault.name, fault.effect.kind())?;
    }
    Ok(())
}
