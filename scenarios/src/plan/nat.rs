//! Who can be dialled by whom, who relays for those that cannot, and which pairs punch a hole.
//!
//! A peer takes connections from anywhere when its NAT filters independently of endpoints or when it has none (RFC 4787,
//! section 5). Between two others, a hole can be punched when each side knows from where the other's packets will come, or
//! does not care: it fails where a mapping that depends on the port meets a filter that does (Ford, Srisuresh and Kegel,
//! Peer-to-peer communication across network address translators, USENIX 2005, section 3; RFC 5128, section 3.3).

use super::{Peers, PlanError, Sites, topology::Graph};
use crate::{
    host::Peer,
    seed::{Seed, mix},
    spec::{Nat, Overlay, ScenarioSpec, overlay::Membership, semantics::traversal::can_relay},
    units::Share,
};

/// At how many relays a peer holds a reservation (the default of go-libp2p's AutoRelay).
const RESERVED: usize = 2;

/// Attempts at a hole before it is given up (the specification of DCUtR, libp2p/specs, relay/DCUtR.md).
pub const ATTEMPTS: u8 = 3;

/// What comes of a connection that begins at a relay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Upgrade {
    /// The one that was dialled dials back, for the other can be reached by all.
    Reversal,
    /// A hole is punched at this attempt, from 1 to [`ATTEMPTS`].
    Punched(u8),
    /// All attempts fail: the relay carries the connection for good.
    Never,
}

/// Who can be reached, and how. In a fleet without NAT it is empty, and asking costs nothing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reachability {
    /// Peers that relay, ascending.
    relays: Vec<Peer>,
    /// Relays at which each peer holds a reservation, in order of preference; [`NOBODY`] where there is none left.
    reserved: Vec<[Peer; RESERVED]>,
    salt: u64,
    punching: Share,
    first_attempt: Share,
}

const NOBODY: Peer = Peer(u32::MAX);

/// Whether a hole can be punched between two kinds of NAT, of which neither can be dialled.
const fn can_punch(a: Nat, b: Nat) -> bool {
    !matches!(
        (a, b),
        (Nat::Symmetric, Nat::Symmetric | Nat::PortRestricted) | (Nat::PortRestricted, Nat::Symmetric)
    )
}

impl Reachability {
    pub(super) fn new(
        spec: &ScenarioSpec,
        seed: Seed,
        peers: &Peers,
        sites: &Sites,
        graph: &Graph,
    ) -> Result<Self, PlanError> {
        let Some(hidden) = spec.groups.iter().position(|group| !group.nat.can_be_dialled()) else {
            return Ok(Self::default());
        };
        let traversal = &spec.network.traversal;
        let relays: Vec<Peer> = peers
            .iter()
            .filter(|&peer| {
                let group = &peers.group(peer).spec;
                traversal.relays.as_ref().map_or_else(|| can_relay(group), |name| group.name == *name)
            })
            .collect();
        let mut reach = Self {
            relays,
            reserved: vec![[NOBODY; RESERVED]; peers.len() as usize],
            salt: seed.salt("address translation"),
            punching: traversal.punching,
            first_attempt: traversal.first_attempt,
        };
        reach.reserve(traversal.reservations.get(), peers, sites);
        let dials = matches!(&spec.overlay, Overlay::Plumtree(plumtree)
            if matches!(plumtree.membership, Membership::HyParView(_)));
        let meet =
            |a: u32| graph.neighbours(a).iter().any(|&b| reach.need_relay(peers, sites, Peer(a), Peer(b)));
        if reach.relays.is_empty() && (dials || (0..peers.len()).any(meet)) {
            let why = "neighbours of this kind cannot dial each other, and nobody relays: add a group with `nat: open` that \
                       is in no site";
            return Err(PlanError::new(format!("spec.groups[{hidden}].nat"), why));
        }
        Ok(reach)
    }

    /// Gives each peer that needs it its reservations, as long as there are any: the first relay by chance, or the next that
    /// has room.
    fn reserve(&mut self, room: u32, peers: &Peers, sites: &Sites) {
        let mut held = vec![0; self.relays.len()];
        let mut left = self.relays.len() as u64 * u64::from(room);
        let hidden = peers.iter().filter(|&peer| !peers.group(peer).spec.nat.can_be_dialled());
        for peer in hidden.filter(|&peer| self.relays.iter().any(|&relay| sites.reach(peers, peer, relay))) {
            for choice in 0..RESERVED.min(self.relays.len()) {
                let first = mix(self.salt, u64::from(peer.0), choice as u64) % self.relays.len() as u64;
                let mut places =
                    (0..self.relays.len()).map(|step| (first as usize + step) % self.relays.len());
                let mine = self.reserved[peer.index()];
                let free = |place: &usize| held[*place] < room && !mine.contains(&self.relays[*place]);
                if left > 0
                    && let Some(place) = places.find(free)
                {
                    held[place] += 1;
                    left -= 1;
                    self.reserved[peer.index()][choice] = self.relays[place];
                }
            }
        }
    }

    /// Whether there are peers that not all can dial.
    #[inline]
    #[must_use]
    pub fn matters(&self) -> bool {
        !self.reserved.is_empty()
    }

    /// The peers that relay, ascending.
    #[must_use]
    pub fn relays(&self) -> &[Peer] {
        &self.relays
    }

    /// The relays by way of which a peer can be reached, in order of preference.
    pub fn relays_of(&self, peer: Peer) -> impl Iterator<Item = Peer> + use<> {
        let reserved = self.reserved.get(peer.index()).copied().unwrap_or([NOBODY; RESERVED]);
        reserved.into_iter().filter(|&relay| relay != NOBODY)
    }

    /// Whether a peer can dial another without help.
    #[must_use]
    pub fn can_dial(&self, peers: &Peers, sites: &Sites, from: Peer, to: Peer) -> bool {
        !self.matters()
            || peers.group(to).spec.nat.can_be_dialled()
            || sites.shared_lan(peers, from, to).is_some()
    }

    /// Whether neither of two peers can dial the other.
    #[must_use]
    pub fn need_relay(&self, peers: &Peers, sites: &Sites, a: Peer, b: Peer) -> bool {
        !self.can_dial(peers, sites, a, b) && !self.can_dial(peers, sites, b, a)
    }

    /// What comes of a connection between two peers that begins at a relay. It belongs to the pair: who fails once, fails again.
    #[must_use]
    pub fn upgrade(&self, peers: &Peers, a: Peer, b: Peer) -> Upgrade {
        let (one, other) = (peers.group(a).spec.nat, peers.group(b).spec.nat);
        if one.can_be_dialled() || other.can_be_dialled() {
            return Upgrade::Reversal;
        }
        let (low, high) = (u64::from(a.min(b).0), u64::from(a.max(b).0));
        let pair = mix(self.salt, low << 32 | high, u64::MAX);
        let happens = |draw: u64, share: Share| {
            let billion = u128::from(Share::ALL.parts_per_billion());
            ((u128::from(draw) * billion) >> 64) < u128::from(share.parts_per_billion())
        };
        if !can_punch(one, other) || !happens(mix(pair, 0, 0), self.punching) {
            return Upgrade::Never;
        }
        let fails = |attempt: &u8| !happens(mix(pair, 1, u64::from(*attempt)), self.first_attempt);
        Upgrade::Punched(1 + (1..ATTEMPTS).take_while(fails).count() as u8)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        plan::{Files, Plan},
        spec::read::read,
    };

    const KINDS: [Nat; 5] =
        [Nat::Open, Nat::FullCone, Nat::AddressRestricted, Nat::PortRestricted, Nat::Symmetric];

    fn plan(groups: &str, more: &str) -> Result<Plan, String> {
        let text = format!(
            "apiVersion: peerlab.dev/v1alpha1\nkind: Scenario\nmetadata: {{name: fleet}}\nspec:\n  duration: 1m\n  groups: \
             [{groups}]\n  workloads: [{{name: talk, chat: {{}}}}]\n{more}"
        );
        let scenario = read("fleet", text.as_bytes()).map_err(|problems| problems.to_string())?;
        Plan::new(&scenario, Seed(7), &Files::new()).map_err(|errors| errors[0].to_string())
    }

    const MIX: &str = "{name: a, peers: 40}, {name: b, peers: 40, nat: fullCone}, {name: c, peers: 400, nat: \
                       addressRestricted}, {name: d, peers: 400, nat: portRestricted}, {name: e, peers: 400, nat: symmetric}";

    #[test]
    fn holes_are_punched_both_ways_or_not_at_all() {
        for a in KINDS {
            for b in KINDS {
                assert_eq!(can_punch(a, b), can_punch(b, a), "{a:?} {b:?}");
            }
        }
        let never = [Nat::PortRestricted, Nat::Symmetric].map(|other| can_punch(Nat::Symmetric, other));
        assert_eq!((never, can_punch(Nat::Symmetric, Nat::AddressRestricted)), ([false; 2], true));
    }

    #[test]
    fn who_can_be_dialled_depends_on_who_is_dialled_alone() {
        let plan = plan(MIX, "").expect("a plan");
        let first: Vec<Peer> = plan.peers.groups().iter().map(|group| group.first).collect();
        for &from in &first {
            let can = |&to: &Peer| plan.can_dial(Peer(from.0 + 1), to);
            assert_eq!(first.iter().map(can).collect::<Vec<_>>(), [true, true, false, false, false]);
        }
        assert!(plan.need_relay(first[2], first[4]) && !plan.need_relay(first[0], first[4]));
    }

    #[test]
    fn peers_of_one_lan_need_no_help() {
        let groups = "{name: desks, peers: 8, nat: symmetric, site: office}";
        let plan = plan(
            groups,
            "  sites: [{name: office, uplink: {up: 1Mbit, down: 1Mbit}}]\n  topology: {ring: {}}\n",
        );
        assert!(plan.is_ok_and(|plan| plan.can_dial(Peer(0), Peer(1))));
    }

    #[test]
    fn as_many_pairs_punch_holes_as_were_measured() {
        let plan = plan(MIX, "").expect("a plan");
        let (first, second) = (plan.peers.groups()[2].first.0, plan.peers.groups()[3].first.0);
        let (mut pairs, mut punched, mut at_first) = (0.0, 0.0, 0.0);
        for a in first..first + 400 {
            for b in second..second + 400 {
                let upgrade = plan.upgrade(Peer(a), Peer(b));
                assert_eq!(upgrade, plan.upgrade(Peer(b), Peer(a)), "it belongs to the pair");
                pairs += 1.0;
                if let Upgrade::Punched(attempt) = upgrade {
                    punched += 1.0;
                    at_first += f64::from(u8::from(attempt == 1));
                }
            }
        }
        // 160,000 pairs: four deviations are less than half a per cent.
        assert!((punched / pairs - 0.7f64).abs() < 0.005, "{punched} of {pairs}");
        assert!((at_first / punched - 0.976f64).abs() < 0.003, "{at_first} of {punched}");
        let last = plan.peers.groups()[4].first;
        assert_eq!(plan.upgrade(last, Peer(last.0 + 1)), Upgrade::Never);
        assert_eq!(plan.upgrade(Peer(0), last), Upgrade::Reversal);
    }

    #[test]
    fn relays_hold_no_more_reservations_than_they_have_room_for() {
        let groups = "{name: servers, peers: 5}, {name: homes, peers: 100, nat: symmetric}";
        for (room, served) in [(10, 25), (128, 100)] {
            let more = format!("  network: {{traversal: {{reservations: {room}}}}}\n");
            let plan = plan(groups, &more).expect("a plan");
            let mut held = [0; 5];
            let mut homes = 0;
            for peer in plan.peers.iter() {
                let relays: Vec<Peer> = plan.reach.relays_of(peer).collect();
                relays.iter().for_each(|relay| held[relay.index()] += 1);
                homes += u32::from(!relays.is_empty());
                assert!(relays.len() < 2 || relays[0] != relays[1], "two relays, not one twice");
            }
            assert!(held.iter().all(|&held| held <= room), "{held:?}");
            assert_eq!(homes, served, "room for {room}");
        }
    }

    #[test]
    fn peers_that_nobody_can_bring_together_are_refused() {
        let told = plan("{name: homes, peers: 20, nat: portRestricted}", "").expect_err("no relay");
        assert!(told.starts_with("spec.groups[0].nat: ") && told.contains("nobody relays"), "{told}");
        let star = plan(
            "{name: hub, peers: 1, nat: fullCone}, {name: homes, peers: 20, nat: symmetric}",
            "  topology: {star: {}}\n",
        );
        assert!(star.is_ok(), "all dial the hub");
    }
}
