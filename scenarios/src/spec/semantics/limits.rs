//! Parameters that no network has, and that the engines would have to bend into something else.

use crate::{
    spec::{
        Latency, Overlay, ScenarioSpec, Topology,
        overlay::Membership,
        read::{Fault, FieldPath},
    },
    units::{BitsPerSec, Bytes, Nanos},
};

/// The largest packet of IPv4, RFC 791.
const MOST_OF_A_PACKET: Bytes = Bytes(65_535);

/// The longest delay that plans hold is 2^32 ns.
const LONGEST_PATH: Nanos = Nanos::from_secs(4);

/// A hundred years: no sum of a few of these comes near the end of the clock.
const LONGEST_RUN: Nanos = Nanos::from_secs(5_200 * 604_800);

pub(super) fn check(spec: &ScenarioSpec, faults: &mut Vec<Fault>) {
    let root = super::root();
    overlay(spec, &root.key("overlay"), faults);
    for (name, time) in [("duration", spec.duration), ("coolDown", spec.cool_down)] {
        if time > LONGEST_RUN {
            let why = format!("{time} is too large: clocks end after 584 years");
            faults.push(Fault::new(root.key(name), why).help("write at most `5200w`, a hundred years"));
        }
    }

    let network = root.key("network");
    if !(1..=MOST_OF_A_PACKET.0).contains(&spec.network.packet.0) {
        let why = format!("a packet of {} does not exist", spec.network.packet);
        faults.push(Fault::new(network.key("packet"), why).help("it carries from 1B to 65535B"));
    }
    if spec.network.overhead > MOST_OF_A_PACKET {
        let why = format!("headers of {} do not fit into a packet", spec.network.overhead);
        faults.push(Fault::new(network.key("overhead"), why).help("write at most 65535B"));
    }

    if let Latency::Fixed(fixed) = &spec.network.latency
        && fixed.one_way > LONGEST_PATH
    {
        let path = network.key("latency").key("fixed").key("oneWay");
        let why = format!("a path of {} is longer than any on earth, by satellite too", fixed.one_way);
        faults.push(Fault::new(path, why).help("write at most `4s`"));
    }

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

fn overlay(spec: &ScenarioSpec, path: &FieldPath, faults: &mut Vec<Fault>) {
    match &spec.overlay {
        Overlay::Star {} if !matches!(spec.topology, Topology::Star(_)) => faults.push(
            Fault::new(path.key("star"), "a server relays to those that are linked to it, and not all are")
                .help("write `topology: {star: {}}` as well"),
        ),
        Overlay::Plumtree(plumtree) => {
            let Membership::HyParView(view) = &plumtree.membership else { return };
            let path = path.key("plumtree").key("membership").key("hyParView");
            // Both are repeated, and what is repeated after no time at all goes on forever within one instant.
            for (name, period) in [("shuffleEvery", view.shuffle_every), ("answerWithin", view.answer_within)]
            {
                if period == Nanos::ZERO {
                    faults.push(Fault::new(path.key(name), "this is repeated, so it takes some time"));
                }
            }
        }
        Overlay::Flood {} | Overlay::Star {} => {}
    }
}
