//! Parameters that no network has, and that the engines would have to bend into something else.

use crate::{
    spec::{
        Distribution, Latency, LinkSpec, Overlay, ScenarioSpec, Topology,
        read::{Fault, FieldPath},
    },
    units::{BitsPerSec, Bytes, Nanos, Share},
};

/// The largest packet of IPv4, RFC 791.
const MOST_OF_A_PACKET: Bytes = Bytes(65_535);

/// The least that a packet carries. Below it, a message of ordinary length would be thousands of packets.
const LEAST_OF_A_PACKET: Bytes = Bytes(64);

/// The longest delay that plans hold is 2^32 ns.
const LONGEST_PATH: Nanos = Nanos::from_secs(4);

/// A hundred years: no sum of a few of these comes near the end of the clock.
const LONGEST_RUN: Nanos = Nanos::from_secs(5_200 * 604_800);

pub(super) fn check(spec: &ScenarioSpec, faults: &mut Vec<Fault>) {
    let root = super::root();
    check_overlay(spec, &root.key("overlay"), faults);
    for (name, time) in [("duration", spec.duration), ("coolDown", spec.cool_down)] {
        if time > LONGEST_RUN {
            let why = format!("{time} is too large: a run ends within {LONGEST_RUN}, a hundred years");
            faults.push(Fault::new(root.key(name), why).help(format!("write at most `{LONGEST_RUN}`")));
        }
    }

    let start = root.key("start");
    if spec.start.quorum == Share::ZERO {
        let why = "a run of nobody says nothing";
        faults.push(Fault::new(start.key("quorum"), why).help("write for example `90%`"));
    }
    if !(Nanos(1)..=LONGEST_RUN).contains(&spec.start.deadline) {
        let why = format!("nobody can be waited for during {}", spec.start.deadline);
        faults.push(Fault::new(start.key("deadline"), why).help("write for example `60s`"));
    }

    let network = root.key("network");
    if !(LEAST_OF_A_PACKET.0..=MOST_OF_A_PACKET.0).contains(&spec.network.packet.0) {
        let why = format!("no network has packets of {}", spec.network.packet);
        faults.push(Fault::new(network.key("packet"), why).help("it carries from 64B to 65535B"));
    }
    if spec.network.overhead > MOST_OF_A_PACKET {
        let why = format!("headers of {} do not fit into a packet", spec.network.overhead);
        faults.push(Fault::new(network.key("overhead"), why).help("write at most 65535B"));
    }

    if spec.network.timeout == Nanos::ZERO {
        let why = "every connection would be broken as soon as it is made";
        faults.push(Fault::new(network.key("timeout"), why).help("write for example `15s`"));
    }
    check_delays(spec, faults);
    check_idle(spec, faults);

    let mut rate = |path: FieldPath, rate: Option<BitsPerSec>| {
        if rate == Some(BitsPerSec(0)) {
            faults.push(
                Fault::new(path, "nothing ever passes a link without a rate")
                    .help("for peers that are cut off, write a fault of kind `outage`"),
            );
        }
    };
    for (index, group) in spec.groups.iter().enumerate() {
        let link = root.key("groups").index(index).key("link");
        rate(link.key("up"), group.link.up);
        rate(link.key("down"), group.link.down);
    }
    for (index, site) in spec.sites.iter().enumerate() {
        let path = root.key("sites").index(index);
        rate(path.key("lan").key("rate"), Some(site.lan.rate));
        if let Some(uplink) = &site.uplink {
            rate(path.key("uplink").key("up"), Some(uplink.up));
            rate(path.key("uplink").key("down"), Some(uplink.down));
        }
    }
}

fn check_overlay(spec: &ScenarioSpec, path: &FieldPath, faults: &mut Vec<Fault>) {
    if matches!(spec.overlay, Overlay::Star {}) && !matches!(spec.topology, Topology::Star(_)) {
        faults.push(
            Fault::new(path.key("star"), "a server relays to those that are linked to it, and not all are")
                .help("write `topology: {star: {}}` as well"),
        );
    }
}

/// Refuses what would arrive after more than the longest delay.
fn check_delays(spec: &ScenarioSpec, faults: &mut Vec<Fault>) {
    let root = super::root();
    let mut delay = |path: FieldPath, delay: Nanos| {
        if delay > LONGEST_PATH {
            let why = format!("a path of {delay} is longer than any on earth, by satellite too");
            faults.push(Fault::new(path, why).help(format!("write at most `{LONGEST_PATH}`")));
        }
    };
    let latency = root.key("network").key("latency");
    match &spec.network.latency {
        Latency::Fixed(fixed) => delay(latency.key("fixed").key("oneWay"), fixed.one_way),
        Latency::Drawn(drawn) => {
            if let Distribution::Constant(constant) = &drawn.one_way {
                delay(latency.key("drawn").key("oneWay").key("constant").key("value"), constant.value);
            }
        }
        Latency::Regions(_) | Latency::Matrix(_) => {}
    }
    for (index, group) in spec.groups.iter().enumerate() {
        if let Some(Distribution::Constant(constant)) = &group.link.access {
            let link = root.key("groups").index(index).key("link");
            delay(link.key("access").key("constant").key("value"), constant.value);
        }
    }
    for (index, site) in spec.sites.iter().enumerate() {
        let path = root.key("sites").index(index);
        delay(path.key("lan").key("delay"), site.lan.delay);
        if let Some(uplink) = &site.uplink {
            delay(path.key("uplink").key("latency"), uplink.latency);
        }
    }
    for (index, failure) in spec.faults.iter().enumerate() {
        if let Some(latency) = failure.degrade.as_ref().and_then(|degrade| degrade.latency) {
            delay(root.key("faults").index(index).key("degrade").key("latency"), latency);
        }
    }
}

/// Refuses what is written and changes nothing.
fn check_idle(spec: &ScenarioSpec, faults: &mut Vec<Fault>) {
    let root = super::root();
    for (index, group) in spec.groups.iter().enumerate() {
        if let Some(site) = &group.site
            && group.link != LinkSpec::default()
        {
            let path = root.key("groups").index(index).key("link");
            let why = format!(
                "peers in a site have no link of their own: the port of the LAN of `{site}` is theirs"
            );
            faults.push(
                Fault::new(path, why)
                    .help("change the site's `lan` and `uplink` instead, and leave `link` out"),
            );
        }
    }
    for (index, failure) in spec.faults.iter().enumerate() {
        let Some(degrade) = &failure.degrade else { continue };
        let given = degrade.latency.is_some() || degrade.loss.is_some() || degrade.rate.is_some();
        let changes = degrade.latency.is_some_and(|latency| latency > Nanos::ZERO)
            || degrade.loss.is_some_and(|loss| loss != Share::ZERO)
            || degrade.rate.is_some_and(|rate| rate != Share::ALL);
        // Where nothing is given at all, the rules of the language have told so already.
        if given && !changes {
            let path = root.key("faults").index(index).key("degrade");
            faults.push(
                Fault::new(path, "this changes nothing")
                    .help("write a `latency` above 0s, a `loss` above 0% or a `rate` below 100%"),
            );
        }
    }
}
