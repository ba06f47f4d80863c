//! Max–min fair rates, kept up to date as flows come and go.
//!
//! **What is solved.** A flow crosses a few links and may be bounded by a limit of its own. An allocation is max–min fair
//! when no flow can have more without taking from one that has no more than it; that is so exactly when every flow is at its
//! limit or has a *bottleneck*: a link that is full and on which no flow has more (Bertsekas and Gallager, *Data Networks*,
//! section 6.5.2). Such an allocation is unique, and progressive filling finds it: all rates rise together, and stop one
//! after another as links fill up. It is what transports that share links settle around, and what SimGrid and other flow
//! models assume (Casanova et al., *Versatile, scalable, and accurate simulation of distributed applications and platforms*,
//! JPDC 2014).
//!
//! **What a change costs.** To fill everything again after each change costs as much as there are flows. But the condition is
//! local, link by link, so a change need only be followed as far as it breaks it:
//!
//! 1. Take the flows that changed off their links, and those whose bottleneck a change has left unfilled.
//! 2. Fill what room there is with them, all other rates being as they are.
//! 3. Look at the links that were touched, for flows that were left alone and are *upset*: their bottleneck is no longer full, or a
//!    flow on it now has more than they; or they have more than a flow of the set that found its bottleneck there. Take these too,
//!    and go back to 2.
//!
//! When none is upset, every flow has a bottleneck again: the allocation is that of filling everything anew. Most changes end
//! after a round or two with the flows of one or two links, for a link that is not full passes nothing on.
//!
//! **Exactness.** Rates are whole bits a second and sums of them integers, so no order of summation shows. A link counts as full
//! with [spare](Precision::spare) bits a second to spare, and rates that are [near](Precision::near) each other as equal. That is what keeps a change from
//! travelling through the whole fleet for the sake of single bits. The error does not add up over changes, for the conditions are
//! on rates and not on what became of them; the property tests hold the solver to all this.

use std::{cmp::Reverse, collections::BinaryHeap};

/// A link that flows share, by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LinkId(pub u32);

/// A flow. Its number is used again when it has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FlowId(pub u32);

/// Links that a flow can cross: those of both ends, and those of both ends' sites.
pub const MOST_LINKS: usize = 4;

/// A limit that never binds, bit/s.
pub const UNLIMITED: u64 = u64::MAX;

/// What is not told apart: one part in 2 to the power of this.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Precision(pub u32);

impl Default for Precision {
    /// 0.8 %: transports share links less exactly than that, and a change among flows of a few hundred others stays where it is.
    fn default() -> Self {
        Self(7)
    }
}

impl Precision {
    /// Bits a second that a link with so many flows may have to spare and still be full: shares are rounded down.
    #[must_use]
    pub const fn spare(self, capacity: u64, flows: usize) -> u64 {
        (capacity >> self.0) + flows as u64
    }

    /// By how many bits a second another flow may have more than one of this rate and still count as having no more.
    #[must_use]
    pub const fn near(self, rate: u64) -> u64 {
        (rate >> self.0) + 1
    }
}

/// What keeps a flow from having more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bound {
    /// Nothing yet: it has not been given a rate.
    Open,
    /// Its own limit.
    Limit,
    /// The link at this place of its way.
    Link(LinkId),
}

#[derive(Clone, Debug)]
struct Flow {
    links: [LinkId; MOST_LINKS],
    /// Where it stands in the list of each of its links.
    places: [u32; MOST_LINKS],
    crosses: u8,
    bound: Bound,
    limit: u64,
    rate: u64,
    /// The round of changes that it was last part of.
    epoch: u64,
}

impl Flow {
    fn links(&self) -> &[LinkId] {
        &self.links[..usize::from(self.crosses)]
    }
}

#[derive(Clone, Debug, Default)]
struct Link {
    capacity: u64,
    /// Sum of the rates of its flows, bit/s.
    used: u64,
    flows: Vec<FlowId>,
    /// How many of them have their bottleneck here.
    bound: u32,
    /// The round of changes in which it was last touched, and its place among the links that were.
    touched: u64,
    place: u32,
}

impl Link {
    const fn is_full(&self, precision: Precision) -> bool {
        self.used + precision.spare(self.capacity, self.flows.len()) >= self.capacity
    }
}

/// A link while it is filled.
#[derive(Clone, Copy, Debug)]
struct Room {
    link: LinkId,
    left: u64,
    /// Flows of the set that cross it, and those of them that have no rate yet.
    flows: u32,
    open: u32,
    /// Flows of the set that have their bottleneck here.
    bound: u32,
    /// The most that a flow of the set got on it.
    most: u64,
    /// Whether a flow of the set has its bottleneck here, and the least that such a one got.
    least: Option<u64>,
}

/// Links, the flows over them, and a max–min fair rate for each.
#[derive(Clone, Debug, Default)]
pub struct Solver {
    precision: Precision,
    links: Vec<Link>,
    flows: Vec<Flow>,
    free: Vec<FlowId>,
    /// Counts rounds of changes.
    epoch: u64,
    /// What changed since the rates were last brought up to date.
    dirty_links: Vec<LinkId>,
    dirty_flows: Vec<FlowId>,
    /// The flows that are given new rates, with the rates that they had.
    set: Vec<(FlowId, u64)>,
    rooms: Vec<Room>,
    /// Links by the share that they have to give, lowest first. What stands here may be out of date, but is never too high.
    shares: BinaryHeap<Reverse<(u64, LinkId)>>,
    /// Flows of the set that have a limit, lowest first.
    limits: Vec<(u64, FlowId)>,
}

impl Solver {
    /// A solver that tells rates apart as exactly as this; the finer, the further does a change go.
    #[must_use]
    pub fn new(precision: Precision) -> Self {
        Self { precision, ..Self::default() }
    }

    /// Sets what a link can carry, bit/s. A link is there once it has a capacity.
    pub fn set_capacity(&mut self, link: LinkId, capacity: u64) {
        let place = link.0 as usize;
        if place >= self.links.len() {
            self.links.resize_with(place + 1, Link::default);
        }
        if self.links[place].capacity != capacity {
            self.links[place].capacity = capacity;
            self.dirty_links.push(link);
        }
    }

    /// Adds a flow over these links, at most [`MOST_LINKS`], each with a capacity and none twice. It has no rate before
    /// [`Solver::settle`].
    pub fn add(&mut self, links: &[LinkId], limit: u64) -> FlowId {
        let mut flow = Flow {
            links: [LinkId(0); MOST_LINKS],
            places: [0; MOST_LINKS],
            crosses: links.len() as u8,
            bound: Bound::Open,
            limit,
            rate: 0,
            epoch: 0,
        };
        let id = self.free.pop().unwrap_or(FlowId(self.flows.len() as u32));
        for (place, &link) in links.iter().enumerate() {
            let on = &mut self.links[link.0 as usize].flows;
            (flow.links[place], flow.places[place]) = (link, on.len() as u32);
            on.push(id);
        }
        match self.flows.get_mut(id.0 as usize) {
            Some(slot) => *slot = flow,
            None => self.flows.push(flow),
        }
        self.dirty_flows.push(id);
        id
    }

    /// Takes a flow away.
    pub fn remove(&mut self, id: FlowId) {
        self.unbind(id);
        let flow = self.flows[id.0 as usize].clone();
        for (&link, &place) in flow.links().iter().zip(&flow.places) {
            let on = &mut self.links[link.0 as usize];
            on.used -= flow.rate;
            on.flows.swap_remove(place as usize);
            if let Some(&moved) = on.flows.get(place as usize) {
                let moved = &mut self.flows[moved.0 as usize];
                let at = moved.links().iter().position(|&other| other == link);
                moved.places[at.expect("it was in this link's list")] = place;
            }
            self.dirty_links.push(link);
        }
        self.flows[id.0 as usize].crosses = 0;
        self.dirty_flows.retain(|&other| other != id);
        self.free.push(id);
    }

    /// Sets what a flow may have at the most, bit/s.
    pub fn set_limit(&mut self, id: FlowId, limit: u64) {
        let flow = &mut self.flows[id.0 as usize];
        // A limit that does not bind, and will not, changes nothing.
        let idle = flow.bound != Bound::Open && flow.bound != Bound::Limit && limit >= flow.rate;
        flow.limit = limit;
        if !idle {
            self.dirty_flows.push(id);
        }
    }

    /// What a flow has, bit/s, as of the last [`Solver::settle`].
    #[must_use]
    pub fn rate(&self, id: FlowId) -> u64 {
        self.flows[id.0 as usize].rate
    }

    /// Whether its own limit is what keeps a flow from having more.
    #[must_use]
    pub fn is_limited(&self, id: FlowId) -> bool {
        self.flows[id.0 as usize].bound == Bound::Limit
    }

    /// The link that keeps a flow from having more, unless its own limit does.
    #[must_use]
    pub fn bottleneck(&self, id: FlowId) -> Option<LinkId> {
        match self.flows[id.0 as usize].bound {
            Bound::Link(link) => Some(link),
            Bound::Open | Bound::Limit => None,
        }
    }

    /// The links of a flow that carry all that they can.
    pub fn full_links(&self, id: FlowId) -> impl Iterator<Item = LinkId> + '_ {
        let links = self.flows[id.0 as usize].links().iter().copied();
        links.filter(|link| self.links[link.0 as usize].is_full(self.precision))
    }

    /// How many flows cross a link.
    #[must_use]
    pub fn flows_over(&self, link: LinkId) -> usize {
        self.links.get(link.0 as usize).map_or(0, |link| link.flows.len())
    }

    /// Brings all rates up to date, and hands out the flows whose rate is another now, in order of their numbers.
    pub fn settle(&mut self, mut changed: impl FnMut(FlowId, u64)) {
        if self.dirty_flows.is_empty() && self.dirty_links.is_empty() {
            return;
        }
        self.epoch += 1;
        self.set.clear();
        for id in std::mem::take(&mut self.dirty_flows) {
            self.take(id);
        }
        for link in std::mem::take(&mut self.dirty_links) {
            let on = &self.links[link.0 as usize];
            if on.used > on.capacity {
                on.flows.clone().into_iter().for_each(|id| self.take(id));
            } else if !on.is_full(self.precision) {
                self.take_bound(link);
            }
        }
        loop {
            self.fill();
            if !self.take_upset() {
                break;
            }
        }
        self.set.sort_unstable_by_key(|&(id, _)| id);
        for &(id, before) in &self.set {
            let rate = self.flows[id.0 as usize].rate;
            if rate != before {
                changed(id, rate);
            }
        }
    }

    /// Takes the flows that have their bottleneck on a link: what changes there concerns them.
    fn take_bound(&mut self, link: LinkId) {
        if self.links[link.0 as usize].bound > 0 {
            for place in 0..self.links[link.0 as usize].flows.len() {
                let id = self.links[link.0 as usize].flows[place];
                if self.flows[id.0 as usize].bound == Bound::Link(link) {
                    self.take(id);
                }
            }
        }
    }

    /// Takes a flow into the set of those that are given new rates.
    fn take(&mut self, id: FlowId) {
        let flow = &mut self.flows[id.0 as usize];
        if flow.epoch == self.epoch {
            return;
        }
        flow.epoch = self.epoch;
        self.set.push((id, flow.rate));
    }

    /// Dissolves what a flow has for its bottleneck.
    fn unbind(&mut self, id: FlowId) {
        let flow = &mut self.flows[id.0 as usize];
        if let Bound::Link(link) = flow.bound {
            self.links[link.0 as usize].bound -= 1;
        }
        flow.bound = Bound::Open;
    }

    /// Gives the flows of the set the rates of progressive filling, in the room that all others leave.
    fn fill(&mut self) {
        self.rooms.clear();
        self.limits.clear();
        for index in 0..self.set.len() {
            let (id, _) = self.set[index];
            self.unbind(id);
            let flow = &mut self.flows[id.0 as usize];
            for &link in &flow.links[..usize::from(flow.crosses)] {
                let on = &mut self.links[link.0 as usize];
                if on.touched != self.epoch {
                    on.touched = self.epoch;
                    on.place = u32::MAX;
                }
                on.used -= flow.rate;
                // Places of an earlier round of this same change are void: rooms were cleared.
                match self.rooms.get_mut(on.place as usize) {
                    Some(room) if room.link == link => room.flows += 1,
                    _ => {
                        on.place = self.rooms.len() as u32;
                        self.rooms.push(Room {
                            link,
                            left: 0,
                            flows: 1,
                            open: 0,
                            bound: 0,
                            most: 0,
                            least: None,
                        });
                    }
                }
            }
            flow.rate = 0;
            if flow.limit != UNLIMITED {
                self.limits.push((flow.limit, id));
            }
        }
        self.shares.clear();
        for room in &mut self.rooms {
            let on = &self.links[room.link.0 as usize];
            room.left = on.capacity.saturating_sub(on.used);
            room.open = room.flows;
            self.shares.push(Reverse((room.left / u64::from(room.open), room.link)));
        }
        self.limits.sort_unstable();
        let mut limits = std::mem::take(&mut self.limits);
        let mut lowest = limits.drain(..).peekable();
        while let Some(Reverse((share, link))) = self.shares.pop() {
            let room = self.rooms[self.links[link.0 as usize].place as usize];
            if room.open == 0 {
                continue;
            }
            // Flows that got less than their share have left more for the others.
            let now = room.left / u64::from(room.open);
            if now > share {
                self.shares.push(Reverse((now, link)));
                continue;
            }
            if let Some((limit, id)) = lowest.next_if(|(limit, _)| *limit <= share) {
                if self.flows[id.0 as usize].bound == Bound::Open {
                    self.give(id, limit, Bound::Limit);
                }
                self.shares.push(Reverse((share, link)));
                continue;
            }
            for place in 0..self.links[link.0 as usize].flows.len() {
                let id = self.links[link.0 as usize].flows[place];
                let flow = &self.flows[id.0 as usize];
                if flow.epoch == self.epoch && flow.bound == Bound::Open {
                    self.give(id, share, Bound::Link(link));
                    self.links[link.0 as usize].bound += 1;
                }
            }
        }
        drop(lowest);
        self.limits = limits;
    }

    fn give(&mut self, id: FlowId, rate: u64, bound: Bound) {
        let flow = &mut self.flows[id.0 as usize];
        (flow.rate, flow.bound) = (rate, bound);
        for &link in &flow.links[..usize::from(flow.crosses)] {
            let on = &mut self.links[link.0 as usize];
            on.used += rate;
            let room = &mut self.rooms[on.place as usize];
            room.left -= rate;
            room.open -= 1;
            room.most = room.most.max(rate);
            if bound == Bound::Link(link) {
                room.least = Some(rate);
                room.bound += 1;
            }
        }
    }

    /// Takes the flows that have lost their bottleneck, and those in whose favour a flow of the set found one that is none. False
    /// when there are none.
    fn take_upset(&mut self) -> bool {
        let taken = self.set.len();
        for index in 0..self.rooms.len() {
            let Room { link, flows, bound, most, least, .. } = self.rooms[index];
            let on = &self.links[link.0 as usize];
            let full = on.is_full(self.precision);
            // Where no other flow is, or none that this could concern, there is nothing to look at.
            if flows as usize == on.flows.len() || (bound == on.bound && least.is_none()) {
                continue;
            }
            for place in 0..on.flows.len() {
                let id = self.links[link.0 as usize].flows[place];
                let flow = &self.flows[id.0 as usize];
                let has_lost = flow.bound == Bound::Link(link)
                    && (!full || most > flow.rate + self.precision.near(flow.rate));
                let has_more = least.is_some_and(|least| flow.rate > least + self.precision.near(least));
                if flow.epoch != self.epoch && (has_lost || has_more) {
                    self.take(id);
                }
            }
        }
        self.set.len() > taken
    }
}

#[cfg(test)]
mod tests;
