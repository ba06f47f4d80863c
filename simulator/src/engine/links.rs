//! Connections: the plan's edges in compressed rows, and those that peers dial.

use std::{collections::BTreeMap, ops::Range};

use peerlab_scenarios::{
    host::{Lane, Link, Neighbours, Peer},
    plan::Plan,
};

use super::{
    event::Life,
    prefetch,
    threads::{Own, Places},
};

/// One end of a connection, at the sender.
#[derive(Clone, Copy, Debug)]
pub(super) struct End {
    /// When the last message sent on the reliable lane arrives, ns.
    pub(super) arrives: u64,
    /// One-way delay of the pair, ns. Longer ones than 4.29 s are cut to that: a fleet to which it matters is not on Earth.
    pub(super) delay: u32,
    /// Which connection between the two this is, above that whether a relay carries it, and above that the life of the other end;
    /// 0 when none stands.
    id: u32,
}

/// Bits of [`End::id`] that name the connection, the same at both ends.
const ID_BITS: u32 = 27;
pub(super) const ID: u32 = (1 << ID_BITS) - 1;
const BY_RELAY: u32 = 1 << ID_BITS;
const LIFE: u32 = ID_BITS + 1;
const _: () = assert!((Life::APART - 1) << LIFE | BY_RELAY | ID == u32::MAX);

/// Where an [`End`] is.
#[derive(Clone, Copy, Debug)]
pub(super) enum Place {
    /// Among the plan's, in all rows.
    Planned(u32),
    /// Among those besides, in its peer's row.
    Dialled(u32),
}

#[derive(Clone, Copy, Debug)]
struct Dialled {
    peer: Peer,
    link: Link,
    end: End,
}

/// Neighbours whose ends are asked for ahead.
const ASKED_FOR: usize = 32;

/// As many as fit into a line of the cache.
const KNOWN_IN_A_LINE: usize = 64 / size_of::<Peer>();
const ENDS_IN_A_LINE: usize = 64 / size_of::<End>();

/// Where a peer's neighbours are, and how many of them are up.
#[derive(Clone, Copy, Debug)]
struct Row {
    start: u32,
    len: u32,
    live: u32,
}

impl Row {
    fn known(self) -> Range<usize> {
        self.start as usize..(self.start + self.len) as usize
    }

    fn live(self) -> Range<usize> {
        self.start as usize..(self.start + self.live) as usize
    }
}

/// All connections of the peers that an engine holds, each at both of its ends.
#[derive(Debug)]
pub(super) struct Links<P> {
    rows: Own<Row, P>,
    /// The plan's neighbours, row by row, ascending.
    known: Vec<Peer>,
    ends: Vec<End>,
    /// Those of the same row that are up, ascending, at the row's beginning.
    live: Vec<Peer>,
    /// Connections besides the plan's, ascending by peer: few, if any.
    dialled: Own<Vec<Dialled>, P>,
    /// When the last message on the bulk lane arrives, ns, for pairs that used it.
    bulk: BTreeMap<(Peer, Peer), u64>,
    /// When the last message that a cut caught on its way arrives, ns, for pairs and lanes on which one did. The receiver knows.
    held: BTreeMap<(Peer, Peer, Lane), u64>,
}

impl<P: Places> Links<P> {
    /// The plan's edges, all down.
    pub(super) fn new(plan: &Plan, places: &P) -> Self {
        let (mut known, mut ends) = (Vec::new(), Vec::new());
        if P::ALL {
            known.reserve_exact(plan.graph.edges() as usize * 2);
            ends.reserve_exact(plan.graph.edges() as usize * 2);
        }
        let rows = Own::new(places, plan.peers.iter(), |peer| {
            let others = plan.graph.neighbours(peer.0);
            let start = u32::try_from(known.len()).expect("a plan has fewer than 2^31 edges");
            for &other in others {
                known.push(Peer(other));
                ends.push(End::new(plan, peer, Peer(other)));
            }
            Row { start, len: others.len() as u32, live: 0 }
        });
        Self {
            rows,
            live: known.clone(),
            known,
            ends,
            dialled: Own::new(places, plan.peers.iter(), |_| Vec::new()),
            bulk: BTreeMap::new(),
            held: BTreeMap::new(),
        }
    }

    #[inline]
    fn row(&self, peer: Peer) -> Range<usize> {
        self.rows[peer.index()].known()
    }

    /// Asks for the memory that sending to all of the plan's neighbours touches; of many, to the first.
    #[inline]
    pub(super) fn prefetch(&self, from: Peer) {
        let row = self.row(from);
        let row = row.start..row.end.min(row.start + ASKED_FOR);
        self.known[row.clone()].iter().step_by(KNOWN_IN_A_LINE).for_each(prefetch::line);
        self.ends[row].iter().step_by(ENDS_IN_A_LINE).for_each(prefetch::line);
    }

    /// Where this side of a connection that stands is. `hint` is where in the row the last call looked: a broadcast goes
    /// through the row in order, so the next is mostly right behind it.
    #[inline]
    pub(super) fn find(&self, from: Peer, to: Peer, hint: &mut usize) -> Option<Place> {
        let row = self.row(from);
        let guess = row.start + *hint;
        let place = if guess < row.end && self.known[guess] == to {
            Some(guess)
        } else if guess + 1 < row.end && self.known[guess + 1] == to {
            Some(guess + 1)
        } else {
            self.known[row.clone()].binary_search(&to).ok().map(|place| row.start + place)
        };
        match place {
            Some(place) if self.ends[place].id != 0 => {
                *hint = place - row.start + 1;
                Some(Place::Planned(place as u32))
            }
            _ => {
                let dialled = &self.dialled[from.index()];
                let place = dialled.binary_search_by_key(&to, |dialled| dialled.peer).ok()?;
                Some(Place::Dialled(place as u32))
            }
        }
    }

    /// Where this side of the connections to all of the plan's neighbours is, in their order, while all of them stand.
    #[inline]
    pub(super) fn whole_row(&self, from: Peer) -> Option<Range<u32>> {
        let row = self.rows[from.index()];
        (row.live == row.len).then(|| row.start..row.start + row.len)
    }

    /// Who is at the other end of one of [`Links::whole_row`].
    #[inline]
    pub(super) fn other_end(&self, place: u32) -> Peer {
        self.known[place as usize]
    }

    /// The `number`th of the plan's neighbours that are connected, and where this side of the connection is. While all are up
    /// their rows are the same, so that only one must be read.
    #[inline]
    pub(super) fn nth_live(&self, from: Peer, number: usize, hint: &mut usize) -> (Peer, Option<Place>) {
        let row = self.rows[from.index()];
        let place = row.start as usize + number;
        let to = self.live[place];
        (to, if row.live == row.len { Some(Place::Planned(place as u32)) } else { self.find(from, to, hint) })
    }

    /// The end that [`Links::find`] found; no connection of `from` may have come or gone since.
    #[inline]
    pub(super) fn end(&mut self, from: Peer, place: Place) -> &mut End {
        match place {
            Place::Planned(place) => &mut self.ends[place as usize],
            Place::Dialled(place) => &mut self.dialled[from.index()][place as usize].end,
        }
    }

    /// Puts an arrival, ns, behind those before it on its lane.
    #[inline]
    pub(super) fn in_order(&mut self, from: Peer, to: Peer, place: Place, lane: Lane, arrives: u64) -> u64 {
        let last = match lane {
            Lane::Reliable => &mut self.end(from, place).arrives,
            Lane::Datagram => return arrives,
            Lane::Bulk => self.last_of_bulk(from, to),
        };
        *last = arrives.max(*last + 1);
        *last
    }

    #[cold]
    fn last_of_bulk(&mut self, from: Peer, to: Peer) -> &mut u64 {
        self.bulk.entry((from, to)).or_default()
    }

    /// Puts the arrival, ns, of a message that was caught on its way behind those caught before it on its lane.
    pub(super) fn hold(&mut self, from: Peer, to: Peer, lane: Lane, arrives: u64) -> u64 {
        let last = self.held.entry((from, to, lane)).or_default();
        *last = arrives.max(*last + 1);
        *last
    }

    /// Whether any messages were caught on their way.
    #[inline]
    pub(super) fn were_held(&self) -> bool {
        !self.held.is_empty()
    }

    /// When a message that comes now, ns, arrives for those caught before it on its lane; none if it has not to wait for any.
    pub(super) fn behind_held(&mut self, from: Peer, to: Peer, lane: Lane, now: u64) -> Option<u64> {
        let last = self.held.get_mut(&(from, to, lane)).filter(|last| **last >= now)?;
        *last += 1;
        Some(*last)
    }

    /// When all have arrived that were caught on their way between two peers, ns.
    pub(super) fn all_held(&self, from: Peer, to: Peer) -> u64 {
        let lanes = [Lane::Reliable, Lane::Bulk];
        let held = lanes.into_iter().filter_map(|lane| self.held.get(&(from, to, lane)));
        held.copied().max().unwrap_or_default()
    }

    /// Whether a relay carries what is sent from this side of a connection from now on.
    pub(super) fn carry_by_relay(&mut self, from: Peer, to: Peer, by_relay: bool) {
        if let Some(place) = self.find(from, to, &mut 0) {
            let end = self.end(from, place);
            end.id = end.id & !BY_RELAY | if by_relay { BY_RELAY } else { 0 };
        }
    }

    /// The sort of a connection that stands.
    pub(super) fn link(&self, from: Peer, to: Peer) -> Option<Link> {
        if self.live(from).binary_search(&to).is_ok() {
            return Some(Link::Planned);
        }
        let dialled = &self.dialled[from.index()];
        let place = dialled.binary_search_by_key(&to, |dialled| dialled.peer).ok()?;
        Some(dialled[place].link)
    }

    /// The life of the other end that a connection which stands was made with.
    pub(super) fn life(&mut self, from: Peer, to: Peer) -> Option<Life> {
        self.find(from, to, &mut 0).map(|place| self.end(from, place).life())
    }

    /// Which connection stands on this side.
    pub(super) fn id(&self, from: Peer, to: Peer) -> Option<u32> {
        let row = self.row(from);
        let planned =
            self.known[row.clone()].binary_search(&to).map(|place| self.ends[row.start + place].id());
        if let Ok(id) = planned
            && id != 0
        {
            return Some(id);
        }
        let dialled = &self.dialled[from.index()];
        let place = dialled.binary_search_by_key(&to, |dialled| dialled.peer).ok()?;
        Some(dialled[place].end.id())
    }

    /// Puts up this side of one of the plan's edges, of which no connection stands, to a life of its other end.
    pub(super) fn connect(&mut self, from: Peer, to: Peer, id: u32, life: Life) {
        self.forget_lanes(from, to);
        let row = self.row(from);
        let Ok(place) = self.known[row.clone()].binary_search(&to) else { return };
        self.ends[row.start + place].arrives = 0;
        self.ends[row.start + place].stand(id, life);
        let live = self.rows[from.index()].live();
        let at = live.start + self.live[live.clone()].partition_point(|&peer| peer < to);
        self.live[at..=live.end].rotate_right(1);
        self.live[at] = to;
        self.rows[from.index()].live += 1;
    }

    /// Adds this side of a connection besides the plan's, where none stands, to a life of its other end.
    pub(super) fn add(&mut self, plan: &Plan, from: Peer, to: Peer, link: Link, id: u32, life: Life) {
        self.forget_lanes(from, to);
        let dialled = &mut self.dialled[from.index()];
        let place = dialled.partition_point(|dialled| dialled.peer < to);
        let mut end = End::new(plan, from, to);
        end.stand(id, life);
        dialled.insert(place, Dialled { peer: to, link, end });
    }

    /// What was sent over an earlier connection, either way, holds nothing up on the next.
    fn forget_lanes(&mut self, from: Peer, to: Peer) {
        self.bulk.remove(&(from, to));
        for lane in [Lane::Reliable, Lane::Bulk, Lane::Datagram] {
            self.held.remove(&(to, from, lane));
        }
    }

    /// Takes down this side of a connection. False when it does not stand.
    pub(super) fn disconnect(&mut self, from: Peer, to: Peer, id: u32) -> bool {
        if self.id(from, to) != Some(id) {
            return false;
        }
        let row = self.row(from);
        if let Ok(at) = self.live(from).binary_search(&to) {
            let place = self.known[row.clone()].binary_search(&to).expect("what is live is known");
            self.ends[row.start + place].id = 0;
            let live = self.rows[from.index()].live();
            self.live[live.start + at..live.end].rotate_left(1);
            self.rows[from.index()].live -= 1;
        } else {
            self.dialled[from.index()].retain(|dialled| dialled.peer != to);
        }
        true
    }

    /// Takes down this side of all connections of a peer, and says which they were and when the last that was sent over each
    /// arrives, ns.
    pub(super) fn disconnect_all(&mut self, peer: Peer) -> Vec<(Peer, u32, u64)> {
        let others: Vec<Peer> = self.connected(peer).collect();
        let mut ended = Vec::with_capacity(others.len());
        for other in others {
            let drained = self.drained(peer, other);
            if let Some(id) = self.id(peer, other) {
                self.disconnect(peer, other, id);
                ended.push((other, id, drained));
            }
        }
        ended
    }

    /// When all that was sent on the ordered lanes of a connection that stands has arrived, ns.
    pub(super) fn drained(&mut self, from: Peer, to: Peer) -> u64 {
        let bulk = self.bulk.get(&(from, to)).copied().unwrap_or_default();
        self.find(from, to, &mut 0).map_or(bulk, |place| self.end(from, place).arrives.max(bulk))
    }

    /// All peers that this one is connected to.
    pub(super) fn connected(&self, peer: Peer) -> impl Iterator<Item = Peer> + '_ {
        let dialled = self.dialled[peer.index()].iter().map(|dialled| dialled.peer);
        self.live(peer).iter().copied().chain(dialled)
    }

    /// All connections of these peers, each once, as its end with the lower number sees it.
    pub(super) fn standing(&self, peers: impl Iterator<Item = Peer>) -> impl Iterator<Item = (Peer, Peer)> {
        peers.flat_map(|a| self.connected(a).filter(move |b| a < *b).map(move |b| (a, b)))
    }
}

impl<P: Places> Neighbours for Links<P> {
    #[inline]
    fn live(&self, peer: Peer) -> &[Peer] {
        &self.live[self.rows[peer.index()].live()]
    }

    #[inline]
    fn known(&self, peer: Peer) -> &[Peer] {
        &self.known[self.row(peer)]
    }
}

impl End {
    fn new(plan: &Plan, from: Peer, to: Peer) -> Self {
        Self { arrives: 0, delay: delay(plan, from, to), id: 0 }
    }

    fn stand(&mut self, id: u32, life: Life) {
        self.id = life.number() << LIFE | id;
    }

    const fn id(self) -> u32 {
        self.id & ID
    }

    /// The life of the other end that this connection was made with: what is sent over it is for no other.
    #[inline]
    pub(super) const fn life(self) -> Life {
        Life::of(self.id >> LIFE)
    }

    /// Whether a relay carries what is sent over it.
    #[inline]
    pub(super) const fn by_relay(self) -> bool {
        self.id & BY_RELAY != 0
    }
}

/// One-way delay of a pair as [`End::delay`] holds it.
pub(super) fn delay(plan: &Plan, from: Peer, to: Peer) -> u32 {
    u32::try_from(plan.delay(from, to).0).unwrap_or(u32::MAX)
}
