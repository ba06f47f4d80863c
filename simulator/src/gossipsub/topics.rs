//! Topics, who of the neighbours subscribes to them, and the meshes.

use peerlab_scenarios::{host::Peer, units::Nanos, wire::Topic};
use smallvec::SmallVec;

use super::roster::Number;

/// A neighbour that subscribes to a topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Member {
    pub(super) peer: Peer,
    /// Its number, and in the lowest bit whether it is chosen: all of a mesh is to be in few lines of the cache.
    number: u32,
}

impl Member {
    const CHOSEN: u32 = 1;

    const fn new(peer: Peer, Number(number): Number) -> Self {
        Self { peer, number: number << 1 }
    }

    pub(super) const fn number(self) -> Number {
        Number(self.number >> 1)
    }

    /// Whether it is in the mesh; of a topic that this peer does not subscribe to, whether it is in the fanout.
    pub(super) const fn is_chosen(self) -> bool {
        self.number & Self::CHOSEN != 0
    }

    fn choose(&mut self, chosen: bool) {
        self.number = self.number & !Self::CHOSEN | u32::from(chosen);
    }
}

/// What a peer knows of one topic.
#[derive(Debug)]
pub(super) struct TopicState {
    pub(super) topic: Topic,
    /// Whether this peer subscribes to it.
    pub(super) subscribed: bool,
    /// When this peer last published under it without subscribing to it.
    pub(super) published: Option<Nanos>,
    /// In ascending order.
    pub(super) members: Vec<Member>,
}

impl TopicState {
    /// The peers of the mesh, or of the fanout, in ascending order.
    pub(super) fn chosen(&self) -> impl Iterator<Item = Peer> + Clone + '_ {
        self.chosen_members().map(|member| member.peer)
    }

    /// The same with all that is known of them.
    #[inline]
    pub(super) fn chosen_members(&self) -> impl Iterator<Item = Member> + Clone + '_ {
        self.members.iter().copied().filter(|member| member.is_chosen())
    }

    /// The others that subscribe, in ascending order.
    pub(super) fn others(&self) -> impl Iterator<Item = Peer> + '_ {
        self.members.iter().filter(|member| !member.is_chosen()).map(|member| member.peer)
    }

    /// Puts all out of the fanout.
    pub(super) fn choose_none(&mut self) {
        self.members.iter_mut().for_each(|member| member.choose(false));
    }

    pub(super) fn degree(&self) -> usize {
        self.chosen().count()
    }

    fn place(&self, peer: Peer) -> Result<usize, usize> {
        self.members.binary_search_by_key(&peer, |member| member.peer)
    }

    pub(super) fn is_member(&self, peer: Peer) -> bool {
        self.place(peer).is_ok()
    }

    pub(super) fn is_chosen(&self, peer: Peer) -> bool {
        self.place(peer).is_ok_and(|place| self.members[place].is_chosen())
    }

    /// Takes a member in, or puts it out. False when it is no member, or nothing changes.
    pub(super) fn choose(&mut self, peer: Peer, chosen: bool) -> bool {
        let Ok(place) = self.place(peer) else { return false };
        let changes = self.members[place].is_chosen() != chosen;
        self.members[place].choose(chosen);
        changes
    }
}

/// All topics that this peer or one of its neighbours subscribes to, or that it published under lately.
#[derive(Debug, Default)]
pub(super) struct Topics {
    /// In ascending order. Most peers have one.
    states: SmallVec<[TopicState; 1]>,
}

impl Topics {
    fn place(&self, topic: Topic) -> Result<usize, usize> {
        self.states.binary_search_by_key(&topic, |state| state.topic)
    }

    #[inline]
    pub(super) fn get(&self, topic: Topic) -> Option<&TopicState> {
        match self.states.first() {
            Some(state) if state.topic == topic => Some(state),
            _ => self.place(topic).ok().map(|place| &self.states[place]),
        }
    }

    pub(super) fn get_mut(&mut self, topic: Topic) -> Option<&mut TopicState> {
        self.place(topic).ok().map(|place| &mut self.states[place])
    }

    pub(super) fn entry(&mut self, topic: Topic) -> &mut TopicState {
        let place = self.place(topic).unwrap_or_else(|place| {
            let state = TopicState { topic, subscribed: false, published: None, members: Vec::new() };
            self.states.insert(place, state);
            place
        });
        &mut self.states[place]
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &TopicState> {
        self.states.iter()
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut TopicState> {
        self.states.iter_mut()
    }

    /// The topics that this peer subscribes to, in ascending order.
    pub(super) fn subscribed(&self) -> impl Iterator<Item = &TopicState> {
        self.states.iter().filter(|state| state.subscribed)
    }

    /// How many topics a neighbour subscribes to.
    pub(super) fn of(&self, peer: Peer) -> usize {
        self.states.iter().filter(|state| state.is_member(peer)).count()
    }

    pub(super) fn is_subscriber(&self, topic: Topic, peer: Peer) -> bool {
        self.get(topic).is_some_and(|state| state.is_member(peer))
    }

    /// A neighbour subscribes.
    pub(super) fn add(&mut self, topic: Topic, peer: Peer, number: Number) {
        let state = self.entry(topic);
        if let Err(place) = state.place(peer) {
            state.members.insert(place, Member::new(peer, number));
        }
    }

    /// A neighbour no longer subscribes. Whether it was in the mesh.
    pub(super) fn remove(&mut self, topic: Topic, peer: Peer) -> bool {
        let Some(state) = self.get_mut(topic) else { return false };
        let Ok(place) = state.place(peer) else { return false };
        let member = state.members.remove(place);
        member.is_chosen() && state.subscribed
    }

    /// A neighbour is gone.
    pub(super) fn remove_everywhere(&mut self, peer: Peer) {
        for state in &mut self.states {
            if let Ok(place) = state.place(peer) {
                state.members.remove(place);
            }
        }
        self.states
            .retain(|state| state.subscribed || state.published.is_some() || !state.members.is_empty());
    }
}
