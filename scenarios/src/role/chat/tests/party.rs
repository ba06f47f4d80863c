//! A chat in a test world, and what an onlooker who sees all facts can say of it.

use std::{cell::Cell, collections::BTreeMap, iter::Peekable, rc::Rc, sync::Arc};

use crate::{
    host::{Command, Cx, Input, Machine, Peer, PeerHost, RoleSlot},
    overlay::Any,
    plan::chat::{ChatPlan, Timeline},
    report::{Fact, Route},
    role::chat::Chat,
    seed::Seed,
    spec::{
        chat::{ChatSpec, Poisson, Posts},
        overlay::Overlay,
    },
    units::Nanos,
    world::{Shared, World},
};

/// A member whose store may be lost with it.
#[derive(Debug)]
pub(super) struct Member {
    chat: Chat<Shared>,
    forgets: bool,
}

impl Machine<Shared> for Member {
    fn step(&mut self, cx: &mut Cx<'_, Shared>, input: Input<Shared>) {
        let input = match input {
            Input::Start { .. } if self.forgets => Input::Start { kept: Box::default() },
            input => input,
        };
        self.chat.step(cx, input);
    }
    fn digest(&self) -> u64 {
        self.chat.digest()
    }
}

/// A post, as it was shown to a reader.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shown {
    pub(super) reader: Peer,
    pub(super) room: u32,
    pub(super) author: Peer,
    pub(super) seq: u32,
    pub(super) posted: Nanos,
    pub(super) held: Nanos,
    pub(super) hops: u8,
    pub(super) route: Route,
}

/// A chat of a few peers.
pub(super) struct Party {
    pub(super) world: World<Any<Shared>, Member>,
    pub(super) plan: Arc<ChatPlan>,
    timeline: Peekable<Timeline>,
    forgetting: Rc<Cell<Option<Peer>>>,
}

/// Posts every so many seconds.
pub(super) fn every(seconds: u64) -> Posts {
    Posts::Poisson(Poisson { every: Nanos::from_secs(seconds) })
}

/// One room for all.
pub(super) fn members(posts: Posts) -> ChatSpec {
    ChatSpec { posts, ..ChatSpec::default() }
}

/// Peers in a ring, each also linked to the third one on.
pub(super) fn ring_of(peers: u32) -> Vec<(Peer, Peer)> {
    (0..peers).flat_map(|peer| [1, 3].map(|step| (Peer(peer), Peer((peer + step) % peers)))).collect()
}

impl Party {
    /// A chat of `peers` on a ring with chords, with more peers for the archives.
    pub(super) fn new(seed: u64, spec: ChatSpec, peers: u32, archives: &[Peer]) -> Self {
        Self::with(seed, spec, peers, &ring_of(peers), archives, |world| world)
    }

    /// A chat of the first `peers`, by flooding on this network.
    pub(super) fn with(
        seed: u64,
        spec: ChatSpec,
        peers: u32,
        edges: &[(Peer, Peer)],
        archives: &[Peer],
        set_up: impl FnOnce(World<Any<Shared>, Member>) -> World<Any<Shared>, Member>,
    ) -> Self {
        Self::over(Overlay::Flood {}, seed, spec, peers, edges, archives, set_up)
    }

    /// A chat of the first `peers`, over this overlay and network.
    pub(super) fn over(
        overlay: Overlay,
        seed: u64,
        spec: ChatSpec,
        peers: u32,
        edges: &[(Peer, Peer)],
        archives: &[Peer],
        set_up: impl FnOnce(World<Any<Shared>, Member>) -> World<Any<Shared>, Member>,
    ) -> Self {
        let eligible: Vec<_> = (0..peers).map(Peer).collect();
        let plan = ChatPlan::new(spec, 0, &eligible, archives, Seed(seed), Nanos::NEVER, None);
        Self::planned(plan.expect("a chat that can be"), overlay, seed, edges, set_up)
    }

    /// A chat of the peers on this network, over this overlay.
    pub(super) fn planned(
        plan: ChatPlan,
        overlay: Overlay,
        seed: u64,
        edges: &[(Peer, Peer)],
        set_up: impl FnOnce(World<Any<Shared>, Member>) -> World<Any<Shared>, Member>,
    ) -> Self {
        let plan = Arc::new(plan);
        let forgetting = Rc::new(Cell::new(None));
        let (planned, forgets) = (Arc::clone(&plan), Rc::clone(&forgetting));
        let machines = move |peer| {
            let roles = planned.takes_part(peer).then(|| {
                let member =
                    Member { chat: Chat::new(Arc::clone(&planned)), forgets: forgets.get() == Some(peer) };
                RoleSlot::new(0, member)
            });
            let overlay = Any::new(&overlay, Peer(0)).expect("it is one of this crate");
            PeerHost::new(overlay, roles.into_iter().collect())
        };
        let all = edges.iter().flat_map(|&(a, b)| [a.0, b.0]).max().map_or(0, |last| last + 1);
        let world = set_up(World::new(Seed(seed), all, edges, machines));
        let timeline = plan.timeline().peekable();
        Self { world, plan, timeline, forgetting }
    }

    /// Makes a peer lose its store with each crash.
    pub(super) fn forgetting(self, peer: Peer) -> Self {
        self.forgetting.set(Some(peer));
        self
    }

    /// A member says something now.
    pub(super) fn say(&mut self, author: Peer, room: u32) {
        self.world.command(author, 0, Command::Post { room, bytes: 100 });
    }

    /// Members say what the plan has them say up to `time`.
    pub(super) fn talk_until(&mut self, time: Nanos) {
        while let Some((at, author, command)) = self.timeline.next_if(|post| post.0 <= time) {
            self.world.run_until(at);
            self.world.command(author, 0, command);
        }
        self.world.run_until(time);
    }

    pub(super) fn chat(&self, peer: Peer) -> &Chat<Shared> {
        &self.world.peer(peer).role(0).expect("it takes part").chat
    }

    pub(super) fn everyone(&self) -> impl Iterator<Item = &Chat<Shared>> {
        self.world.up().filter_map(|peer| self.world.peer(peer).role(0)).map(|member| &member.chat)
    }

    pub(super) fn facts(&self, which: impl Fn(&Fact) -> bool) -> impl Iterator<Item = (Nanos, Peer, Fact)> {
        self.world.facts().iter().copied().filter(move |(_, _, fact)| which(fact))
    }

    pub(super) fn shown(&self) -> impl Iterator<Item = Shown> + '_ {
        self.world.facts().iter().filter_map(|&(_, reader, fact)| match fact {
            Fact::Shown { room, author, seq, posted, held, hops, route, .. } => {
                Some(Shown { reader, room, author, seq, posted, held, hops, route })
            }
            _ => None,
        })
    }

    /// Whether every member that is up was shown all that others said.
    pub(super) fn is_complete(&self) -> bool {
        let mut said = BTreeMap::new();
        for (_, author, fact) in self.facts(|fact| matches!(fact, Fact::Posted { .. })) {
            if let Fact::Posted { room, .. } = fact {
                *said.entry((room, author)).or_insert(0) += 1;
            }
        }
        self.world.up().all(|reader| {
            let rooms = (0..self.plan.rooms()).filter(|&room| self.plan.rank(room, reader).is_some());
            rooms.into_iter().all(|room| {
                let of_room = said.iter().filter(|((of, author), _)| *of == room && *author != reader);
                let expected: usize = of_room.map(|(_, count)| *count).sum();
                let shown = self.shown().filter(|it| it.reader == reader && it.room == room);
                shown.count() == expected
            })
        })
    }

    /// Holds the facts to the law: each reader is shown a post once, those of an author in their order, and none before what
    /// its author had seen of the room when it was made.
    pub(super) fn is_in_order(&self) {
        type Place = (u32, Peer, u32);
        let mut seen: BTreeMap<Peer, Vec<Place>> = BTreeMap::new();
        let mut past: BTreeMap<Place, Vec<Place>> = BTreeMap::new();
        for &(_, peer, fact) in self.world.facts() {
            let seen = seen.entry(peer).or_default();
            match fact {
                Fact::Posted { room, seq, .. } => {
                    let of_room = seen.iter().copied().filter(|place| place.0 == room);
                    past.insert((room, peer, seq), of_room.collect());
                    seen.push((room, peer, seq));
                }
                Fact::Shown { room, author, seq, .. } => {
                    let place = (room, author, seq);
                    assert!(!seen.contains(&place), "{place:?} is shown to {peer} again");
                    let before = seen.iter().filter(|it| it.0 == room && it.1 == author).count();
                    assert_eq!(before, seq as usize, "{place:?} is shown to {peer} out of order");
                    let missing = past[&place].iter().find(|it| !seen.contains(it));
                    assert_eq!(missing, None, "{place:?} is shown to {peer} before what it answers");
                    seen.push(place);
                }
                _ => {}
            }
        }
    }
}
