//! The machines of one peer, stepped as one.

use thin_vec::ThinVec;

use super::{
    Cx, Effect, Env, Host, Input, Machine, Overlay, ReqId, TimerKey,
    cx::{Handover, OWNER_SHIFT},
};
use crate::{report::Fact, seed::Rng};

/// The roles of a peer, one for each workload that it takes part in.
#[derive(Debug)]
pub struct RoleSlot<R> {
    /// The workload's index in the plan.
    pub workload: u8,
    role: R,
    rng: Option<Rng>,
}

impl<R> RoleSlot<R> {
    /// A role for a workload.
    pub const fn new(workload: u8, role: R) -> Self {
        Self { workload, role, rng: None }
    }
}

/// A peer: its roles over its overlay. A step runs all of them to completion before the host sees the effects.
///
/// Most messages are duplicates, and the model engine spends more time on waiting for a peer's state than on anything that it
/// does with it. So fields are laid out as they stand here: what a duplicate touches of the overlay comes first, and of a small one
/// all is in 56 bytes, so that a host can put it into one cache line with what it knows of the peer.
#[derive(Debug)]
#[repr(C)]
pub struct PeerHost<O, R> {
    overlay: O,
    roles: ThinVec<RoleSlot<R>>,
    overlay_rng: Option<Rng>,
}

const OVERLAY: u8 = 0;

/// The machine number of a workload's role; 0 is the overlay.
const fn machine_of(workload: u8) -> u8 {
    workload + 1
}

impl<O, R> PeerHost<O, R> {
    /// A peer with these machines.
    pub fn new(overlay: O, roles: Vec<RoleSlot<R>>) -> Self {
        Self { overlay, roles: roles.into_iter().collect(), overlay_rng: None }
    }

    /// The overlay, for inspection.
    pub const fn overlay(&self) -> &O {
        &self.overlay
    }

    /// The role of a workload, for inspection.
    pub fn role(&self, workload: u8) -> Option<&R> {
        self.roles.iter().find(|slot| slot.workload == workload).map(|slot| &slot.role)
    }

    /// One step: the input goes to the machine it is for (or to all), and what they hand to one another is worked off.
    #[inline]
    pub fn step<H: Host>(&mut self, env: Env<'_, H>, input: Input<H>)
    where
        O: Overlay<H>,
        R: Machine<H>,
    {
        let Env { now, me, seed, neighbours, uplink, host, out } = env;
        let Self { overlay, overlay_rng, roles } = self;
        let rng = overlay_rng;
        let mut cx = Cx { now, me, neighbours, uplink, host, out, rng, seed, machine: OVERLAY };
        match input {
            Input::Message { from, lane, msg } if msg.kind.is_overlay() => {
                overlay.step(&mut cx, Input::Message { from, lane, msg });
            }
            input => Self::other_step(overlay, roles, &mut cx, input),
        }
        if !cx.out.handovers.is_empty() {
            Self::hand_over(overlay, roles, &mut cx);
        }
    }

    /// A step for anything but a message to the overlay. Most steps are for such, so the rest is kept out of their code.
    #[inline(never)]
    fn other_step<H: Host>(overlay: &mut O, roles: &mut [RoleSlot<R>], cx: &mut Cx<'_, H>, input: Input<H>)
    where
        O: Overlay<H>,
        R: Machine<H>,
    {
        match input {
            Input::Timer(key) if key.0 >> OWNER_SHIFT == 0 => overlay.step(cx, Input::Timer(key)),
            Input::Message { from, lane, msg } => {
                let workload = msg.workload;
                Self::role_step(roles, cx, workload, Input::Message { from, lane, msg });
                Self::keep_what_the_overlay_lives_on(overlay, cx);
            }
            Input::Timer(TimerKey(key)) => {
                let workload = (key >> OWNER_SHIFT) as u8 - 1;
                let own = TimerKey(key & ((1 << OWNER_SHIFT) - 1));
                Self::role_step(roles, cx, workload, Input::Timer(own));
                Self::keep_what_the_overlay_lives_on(overlay, cx);
            }
            Input::Asked { ask, what } => {
                Self::role_step(roles, cx, what.workload(), Input::Asked { ask, what });
                Self::keep_what_the_overlay_lives_on(overlay, cx);
            }
            Input::Fetched { req: ReqId(req), result } => {
                let workload = (req >> OWNER_SHIFT) as u8 - 1;
                let own = ReqId(req & ((1 << OWNER_SHIFT) - 1));
                Self::role_step(roles, cx, workload, Input::Fetched { req: own, result });
                Self::keep_what_the_overlay_lives_on(overlay, cx);
            }
            Input::Start { kept } => {
                overlay.step(cx, Input::Start { kept: Box::default() });
                for slot in roles.iter_mut() {
                    let mut cx = slot_cx(cx, slot.workload, &mut slot.rng);
                    let kept = kept.iter().filter(|(_, item)| cx.host.item(item).workload() == slot.workload);
                    let kept = kept.cloned().collect();
                    slot.role.step(&mut cx, Input::Start { kept });
                }
            }
            Input::Command { workload, command } => {
                let input = Input::Command { workload, command };
                Self::role_step(roles, cx, workload, input);
            }
            // That which a role asked for comes from the overlay, which asked the host in its place.
            Input::Found { query, found } => overlay.step(cx, Input::Found { query, found }),
            Input::Published { .. } => unreachable!("only the overlay of the same peer hands these to roles"),
            Input::Stop => Self::every_machine(overlay, roles, cx, || Input::Stop),
            Input::PeerUp { peer, link } => {
                Self::every_machine(overlay, roles, cx, || Input::PeerUp { peer, link });
            }
            Input::PeerDown { peer, why } => {
                Self::every_machine(overlay, roles, cx, || Input::PeerDown { peer, why });
            }
        }
    }

    /// Hands out what the machines counted; see [`Machine::drain_counters`].
    pub fn drain_counters<H: Host>(&mut self, record: &mut dyn FnMut(Fact))
    where
        O: Machine<H>,
        R: Machine<H>,
    {
        self.overlay.drain_counters(record);
        for slot in &mut self.roles {
            slot.role.drain_counters(record);
        }
    }

    /// A hash of the states of all its machines.
    pub fn digest<H: Host>(&self) -> u64
    where
        O: Machine<H>,
        R: Machine<H>,
    {
        let roles = self.roles.iter().map(|slot| slot.role.digest());
        roles.fold(self.overlay.digest(), |hash, role| crate::seed::mix(hash, role, 1))
    }

    #[inline]
    fn role_step<H: Host>(roles: &mut [RoleSlot<R>], cx: &mut Cx<'_, H>, workload: u8, input: Input<H>)
    where
        R: Machine<H>,
    {
        // A stranger may name a workload that this peer has no part in: not an error, only not for us.
        if let Some(slot) = roles.iter_mut().find(|slot| slot.workload == workload) {
            slot.role.step(&mut slot_cx(cx, workload, &mut slot.rng), input);
        }
    }

    /// Overlay and roles share one connection to a peer: that a role is done with it does not end it for the overlay. To be
    /// called when a role alone has stepped, which is when roles hang up.
    fn keep_what_the_overlay_lives_on<H: Host>(overlay: &O, cx: &mut Cx<'_, H>)
    where
        O: Overlay<H>,
    {
        cx.out.effects.retain(|effect| !matches!(effect, Effect::HangUp(peer) if overlay.lives_on(*peer)));
    }

    /// Tells the roles first, so that what they publish still finds the overlay as it was.
    fn every_machine<H: Host>(
        overlay: &mut O,
        roles: &mut [RoleSlot<R>],
        cx: &mut Cx<'_, H>,
        input: impl Fn() -> Input<H>,
    ) where
        O: Overlay<H>,
        R: Machine<H>,
    {
        for slot in roles.iter_mut() {
            slot.role.step(&mut slot_cx(cx, slot.workload, &mut slot.rng), input());
        }
        overlay.step(cx, input());
    }

    /// Works off what overlay and roles handed to each other, until nothing is left.
    fn hand_over<H: Host>(overlay: &mut O, roles: &mut [RoleSlot<R>], cx: &mut Cx<'_, H>)
    where
        O: Overlay<H>,
        R: Machine<H>,
    {
        while !cx.out.handovers.is_empty() {
            let mut batch = std::mem::take(&mut cx.out.handovers);
            for handover in batch.drain(..) {
                match handover {
                    Handover::Publish(item) => overlay.publish(cx, item),
                    Handover::Subscribe { topic, wanted } => overlay.subscribe(cx, topic, wanted),
                    Handover::Deliver { via, hops, item } => {
                        let workload = cx.host.item(&item).workload();
                        Self::role_step(roles, cx, workload, Input::Published { via, hops, item });
                    }
                    Handover::LookUp { workload, query, lookup } => {
                        overlay.look_up(cx, workload, query, lookup);
                    }
                    Handover::Found { workload, query, found } => {
                        Self::role_step(roles, cx, workload, Input::Found { query, found });
                    }
                }
            }
            // The common step hands over once: its buffer is used again.
            if cx.out.handovers.is_empty() {
                cx.out.handovers = batch;
            }
        }
    }
}

/// The context of a role, borrowed from that of the peer.
#[inline]
fn slot_cx<'b, H: Host>(cx: &'b mut Cx<'_, H>, workload: u8, rng: &'b mut Option<Rng>) -> Cx<'b, H> {
    Cx {
        now: cx.now,
        me: cx.me,
        neighbours: cx.neighbours,
        uplink: cx.uplink,
        host: cx.host,
        out: cx.out,
        rng,
        seed: cx.seed,
        machine: machine_of(workload),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        host::{Circle, Links, Outbox, Peer, Uplink},
        seed::Seed,
        units::Nanos,
        world::Shared,
    };

    /// An overlay that lives on peer 1, and a role that is done with everybody.
    #[derive(Debug)]
    struct Tenant;

    impl Machine<Shared> for Tenant {
        fn step(&mut self, cx: &mut Cx<'_, Shared>, input: Input<Shared>) {
            if let Input::Timer(_) = input {
                [Peer(1), Peer(2)].into_iter().for_each(|peer| cx.hang_up(peer));
            }
        }
        fn digest(&self) -> u64 {
            0
        }
    }

    impl Overlay<Shared> for Tenant {
        fn links(&self) -> Links {
            Links::Chosen
        }
        fn publish(&mut self, _: &mut Cx<'_, Shared>, _: <Shared as Host>::Item) {}
        fn lives_on(&self, peer: Peer) -> bool {
            peer == Peer(1)
        }
    }

    /// Whose connections end when a machine's timer is due.
    fn hung_up(machine: u8) -> Vec<Peer> {
        let mut peer = PeerHost::new(Tenant, vec![RoleSlot::new(0, Tenant)]);
        let mut out = Outbox::default();
        let env = Env {
            now: Nanos::ZERO,
            me: Peer(0),
            seed: Seed(1),
            neighbours: &Circle::default(),
            uplink: &Uplink::IDLE,
            host: &mut Shared,
            out: &mut out,
        };
        peer.step(env, Input::Timer(TimerKey(u32::from(machine) << OWNER_SHIFT)));
        let ended = |effect| match effect {
            Effect::HangUp(peer) => peer,
            other => panic!("{other:?} was not asked for"),
        };
        out.effects.into_iter().map(ended).collect()
    }

    #[test]
    fn a_role_ends_no_connection_that_the_overlay_lives_on_but_the_overlay_may() {
        assert_eq!(hung_up(machine_of(0)), [Peer(2)]);
        assert_eq!(hung_up(OVERLAY), [Peer(1), Peer(2)]);
    }
}
