//! Providing contents, finding who provides them, and getting in touch: the load of a network of content like IPFS
//! (Trautwein et al., Design and evaluation of IPFS, SIGCOMM 2022), without the transfer at its end.
//!
//! A provider says once that it has a content, and again whenever it comes back, for discovery forgets in a crash what a peer has
//! to renew. Who looks for a content asks discovery for its providers, and connects with the first of them that can be reached; a
//! connection that this made ends when it was of no use to anybody for a while. Asking again after a failure is left out: it would hide how often one fails.

use std::{collections::BTreeMap, collections::BTreeSet, sync::Arc};

use crate::{
    host::{Command, Cx, Found, Host, Input, Link, Lookup, Machine, Peer, QueryId, TimerKey},
    plan::LookupsPlan,
    report::{Asked, Fact},
    seed::mix,
    units::Nanos,
};

/// How long a provider may take to be reached before the next one is tried.
const PATIENCE: Nanos = Nanos::from_secs(30);

/// How long a connection with a provider stays.
const LINGER: Nanos = Nanos::from_secs(10);

/// A machine's names have so many bits, of which the highest name is not a task's.
const NAMES: u32 = (1 << 24) - 1;

/// Time to end connections with providers.
const END: TimerKey = TimerKey(NAMES);

/// What is under way.
#[derive(Debug)]
struct Task {
    began: Nanos,
    state: State,
}

#[derive(Debug)]
enum State {
    Providing {
        content: u32,
    },
    Finding {
        content: u32,
    },
    FindingPeer {
        peer: Peer,
    },
    /// Providers that were not tried yet, in reverse order, and the one that is.
    Connecting {
        others: Vec<Peer>,
        peer: Peer,
    },
}

/// A peer that provides, looks for things, or both.
#[derive(Debug)]
pub struct Lookups {
    plan: Arc<LookupsPlan>,
    connected: BTreeSet<Peer>,
    /// Those of them that it dialled.
    dialled: BTreeSet<Peer>,
    tasks: BTreeMap<u32, Task>,
    next: u32,
}

impl Lookups {
    /// The role of a peer that takes part; it begins with [`Input::Start`].
    #[must_use]
    pub const fn new(plan: Arc<LookupsPlan>) -> Self {
        Self { plan, connected: BTreeSet::new(), dialled: BTreeSet::new(), tasks: BTreeMap::new(), next: 0 }
    }

    fn begin<H: Host>(&mut self, cx: &mut Cx<'_, H>, state: State, lookup: Lookup) {
        while self.tasks.contains_key(&self.next) {
            self.next = (self.next + 1) % NAMES;
        }
        self.tasks.insert(self.next, Task { began: cx.now, state });
        cx.look_up(QueryId(self.next), lookup);
        self.next = (self.next + 1) % NAMES;
    }

    fn provide<H: Host>(&mut self, cx: &mut Cx<'_, H>, content: u32) {
        self.begin(cx, State::Providing { content }, Lookup::Provide(content));
    }

    fn start<H: Host>(&mut self, cx: &mut Cx<'_, H>) {
        *self = Self::new(Arc::clone(&self.plan));
        let (plan, me, now) = (Arc::clone(&self.plan), cx.me, cx.now);
        let before = plan.provided_by(me).filter(|&content| plan.provided_at(me, content) < now);
        before.for_each(|content| self.provide(cx, content));
    }

    fn command<H: Host>(&mut self, cx: &mut Cx<'_, H>, command: &Command) {
        match *command {
            Command::Provide { content } => self.provide(cx, content),
            Command::FindProviders { content } => {
                let wanted = self.plan.spec().wanted.get();
                self.begin(cx, State::Finding { content }, Lookup::Providers { content, wanted });
            }
            Command::FindPeer { peer } => self.begin(cx, State::FindingPeer { peer }, Lookup::Peer(peer)),
            Command::Post { .. } | Command::Say { .. } | Command::Release { .. } => {}
        }
    }

    fn found<H: Host>(&mut self, cx: &mut Cx<'_, H>, query: QueryId, found: &Found) {
        let Some(Task { began, state }) = self.tasks.remove(&query.0) else { return };
        let workload = self.plan.workload();
        let asked = Asked { began, hops: found.hops, requests: found.requests, failed: found.failed };
        match state {
            State::Providing { content } => {
                cx.record(Fact::Provided { workload, content, kept: found.kept, asked });
            }
            State::Finding { content } => {
                for &provider in &found.peers {
                    cx.record(Fact::ProviderFound { workload, content, provider, began });
                }
                let count = found.peers.len() as u32;
                cx.record(Fact::ProvidersSought { workload, content, count, asked });
                let others: Vec<Peer> = found.peers.iter().rev().copied().collect();
                self.connect(cx, query.0, began, others);
            }
            State::FindingPeer { peer } => {
                let found = found.peers.contains(&peer);
                cx.record(Fact::PeerSought { workload, peer, found, asked });
            }
            State::Connecting { .. } => unreachable!("discovery answers a lookup once"),
        }
    }

    /// Goes on to the next provider.
    fn connect<H: Host>(&mut self, cx: &mut Cx<'_, H>, name: u32, began: Nanos, mut others: Vec<Peer>) {
        let Some(peer) = others.pop() else { return self.retrieved(cx, began, false) };
        if peer == cx.me || self.connected.contains(&peer) {
            return self.retrieved(cx, began, true);
        }
        self.tasks.insert(name, Task { began, state: State::Connecting { others, peer } });
        cx.set_timer(TimerKey(name), cx.now.saturating_add(PATIENCE));
        cx.dial(peer);
    }

    fn retrieved<H: Host>(&self, cx: &mut Cx<'_, H>, began: Nanos, reached: bool) {
        cx.record(Fact::Retrieved { workload: self.plan.workload(), began, reached });
    }

    /// The tasks that wait for a connection with a peer.
    fn waiting_for(&self, other: Peer) -> Vec<u32> {
        let waits = |task: &Task| matches!(task.state, State::Connecting { peer, .. } if peer == other);
        self.tasks.iter().filter(|(_, task)| waits(task)).map(|(&name, _)| name).collect()
    }

    fn peer_up<H: Host>(&mut self, cx: &mut Cx<'_, H>, peer: Peer, link: Link) {
        self.connected.insert(peer);
        let waiting = self.waiting_for(peer);
        for name in &waiting {
            cx.cancel(TimerKey(*name));
            let task = self.tasks.remove(name).expect("it was just listed");
            self.retrieved(cx, task.began, true);
        }
        if !waiting.is_empty() && link == Link::Dialled {
            if self.dialled.is_empty() {
                cx.set_timer(END, cx.now.saturating_add(LINGER));
            }
            self.dialled.insert(peer);
        }
    }

    /// Ends connections with providers; again later, where somebody else still lives on them.
    fn end<H: Host>(&self, cx: &mut Cx<'_, H>) {
        self.dialled.iter().for_each(|&peer| cx.hang_up(peer));
        if !self.dialled.is_empty() {
            cx.set_timer(END, cx.now.saturating_add(LINGER));
        }
    }

    fn give_up<H: Host>(&mut self, cx: &mut Cx<'_, H>, name: u32) {
        cx.cancel(TimerKey(name));
        if let Some(Task { began, state: State::Connecting { others, .. } }) = self.tasks.remove(&name) {
            self.connect(cx, name, began, others);
        }
    }
}

impl<H: Host> Machine<H> for Lookups {
    fn step(&mut self, cx: &mut Cx<'_, H>, input: Input<H>) {
        match input {
            Input::Start { .. } => self.start(cx),
            Input::Command { command, .. } => self.command(cx, &command),
            Input::Found { query, found } => self.found(cx, query, &found),
            Input::PeerUp { peer, link } => self.peer_up(cx, peer, link),
            Input::PeerDown { peer, .. } => {
                self.connected.remove(&peer);
                self.dialled.remove(&peer);
                self.waiting_for(peer).into_iter().for_each(|name| self.give_up(cx, name));
            }
            Input::Timer(END) => self.end(cx),
            Input::Timer(TimerKey(name)) => self.give_up(cx, name),
            Input::Asked { ask, .. } => cx.refuse(ask),
            // Who provides leaves no word; the others are of other roles.
            Input::Stop | Input::Message { .. } | Input::Published { .. } | Input::Fetched { .. } => {}
        }
    }

    fn digest(&self) -> u64 {
        self.tasks.keys().fold(u64::from(self.next), |hash, &name| mix(hash, u64::from(name), 0))
    }
}

#[cfg(test)]
mod tests;
