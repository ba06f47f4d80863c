//! What a run leaves behind for its report: facts folded into histograms, counters and series as they come.

use peerlab_scenarios::{
    host::Peer,
    plan::Plan,
    report::{
        ChatRecorder, ChunkFate, Fact, KademliaCount, LookupsRecorder, PubsubCount, Route, UpdateRecorder,
        WorkloadRecorder, update::ChunkBytes,
    },
    units::Nanos,
    wire::Kind,
};

use crate::{
    Divisible, Observer, Tally,
    copies::{CopyCount, Sample},
    facts::FactWriter,
    starts::Starts,
};

/// How many intervals the series have.
const INTERVALS: u64 = 240;

/// How many steps make one copy, where copies are counted for each item.
pub const DUPLICATE_STEPS: f64 = 1e6;

/// Bytes and showings of one interval of the run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Interval {
    /// Bytes of messages with an item, falsified ones among them, that reached a machine.
    pub payload: u64,
    /// Bytes of the others.
    pub control: u64,
    /// Posts shown.
    pub shown: u64,
    /// Showings by the overlay of posts said in this interval.
    pub live: u64,
    /// How long these were on their way, together, in ns.
    pub live_nanos: u64,
}

/// What updates did in one interval of the run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UpdateInterval {
    /// Bytes of chunks that were kept.
    pub kept: ChunkBytes,
    /// Bytes of chunks that were of no use.
    pub wasted: u64,
}

/// Items that came to a peer, and their copies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Copies {
    /// Items that came, counted once each.
    pub first: u64,
    /// Copies that came besides.
    pub duplicate: u64,
    /// Copies that were refused.
    pub tainted: u64,
}

/// Folds a run into what its report says. Memory does not grow with the length of the run.
#[derive(Debug)]
pub struct Recorder {
    /// One for each workload, in their order.
    pub workloads: Vec<WorkloadRecorder>,
    /// By peer, since the warm-up.
    pub copies: Vec<Copies>,
    /// Peers in each mesh of gossipsub, at the end or when its peer stopped.
    pub mesh_degrees: Vec<u64>,
    /// What gossipsub counted since the warm-up, in the order of [`PubsubCount::ALL`]; none where nobody counts it.
    pub pubsub: [Option<u64>; PubsubCount::ALL.len()],
    /// What Kademlia counted since the warm-up, in the order of [`KademliaCount::ALL`].
    pub kademlia: [u64; KademliaCount::ALL.len()],
    /// Peers in each routing table, at the end or when its peer stopped.
    pub table_sizes: Vec<u64>,
    /// Records of providers at each server, likewise.
    pub provider_records: Vec<u64>,
    /// How long an interval is.
    pub interval: Nanos,
    /// The series.
    pub series: Vec<Interval>,
    /// The series of updates, by workload; empty for what is none.
    pub updates: Vec<Vec<UpdateInterval>>,
    /// Copies of items at a sample of peers, since the warm-up.
    pub copy_count: CopyCount,
    /// How often peers start.
    pub starts: Starts,
    /// Where showings go, if they are asked for.
    pub facts: Option<FactWriter>,
    /// That of the last delivery.
    current: Current,
}

impl Recorder {
    /// A recorder for a run of `plan`.
    #[must_use]
    pub fn new(plan: &Plan) -> Self {
        let spec = &plan.spec;
        let window = spec.warm_up..spec.duration;
        let workloads = plan.workloads.iter().map(|it| WorkloadRecorder::new(it, window.clone()));
        let end = spec.duration.saturating_add(spec.cool_down).0;
        Self {
            updates: plan.workloads.iter().map(|_| Vec::new()).collect(),
            workloads: workloads.collect(),
            copies: vec![Copies::default(); plan.peers.len() as usize],
            mesh_degrees: Vec::new(),
            pubsub: [None; PubsubCount::ALL.len()],
            kademlia: [0; KademliaCount::ALL.len()],
            table_sizes: Vec::new(),
            provider_records: Vec::new(),
            interval: Nanos(end.div_ceil(INTERVALS).max(1)),
            series: vec![Interval::default(); INTERVALS as usize + 1],
            copy_count: CopyCount::new(plan.peers.len()),
            starts: Starts::default(),
            facts: None,
            current: Current::default(),
        }
    }

    /// The chats of a run, with their names.
    pub fn chats<'a>(&'a self, plan: &'a Plan) -> impl Iterator<Item = (&'a str, &'a ChatRecorder)> {
        let named = plan.workloads.iter().zip(&self.workloads);
        named.filter_map(|(workload, recorder)| Some((workload.name.as_str(), recorder.chat()?)))
    }

    /// Copies that came besides the first, for each item that came, of every peer to which any came, in 1 of [`DUPLICATE_STEPS`].
    pub fn duplicate_shares(&self) -> impl Iterator<Item = u64> + '_ {
        let came = self.copies.iter().filter(|copies| copies.first > 0);
        came.map(|copies| {
            (u128::from(copies.duplicate) * DUPLICATE_STEPS as u128 / u128::from(copies.first)) as u64
        })
    }

    /// The lookups of a run, with their names.
    pub fn lookups<'a>(&'a self, plan: &'a Plan) -> impl Iterator<Item = (&'a str, &'a LookupsRecorder)> {
        let named = plan.workloads.iter().zip(&self.workloads);
        named.filter_map(|(workload, recorder)| Some((workload.name.as_str(), recorder.lookups()?)))
    }

    /// The updates of a run, with their names and series.
    pub fn updates<'a>(
        &'a self,
        plan: &'a Plan,
    ) -> impl Iterator<Item = (&'a str, &'a UpdateRecorder, &'a [UpdateInterval])> {
        let named = plan.workloads.iter().zip(&self.workloads).zip(&self.updates);
        named.filter_map(|((workload, recorder), series)| {
            Some((workload.name.as_str(), recorder.update()?, series.as_slice()))
        })
    }

    fn update_interval(&mut self, now: Nanos, workload: usize) -> &mut UpdateInterval {
        let (number, series) = ((now.0 / self.interval.0) as usize, &mut self.updates[workload]);
        if series.is_empty() {
            series.resize(INTERVALS as usize + 1, UpdateInterval::default());
        }
        &mut series[number]
    }

    fn chunk_came(
        &mut self,
        now: Nanos,
        (peer, from): (Peer, Peer),
        workload: usize,
        bytes: u64,
        fate: ChunkFate,
    ) {
        let source = self.workloads[workload].update().map(|update| update.plan().source(peer, from));
        let interval = self.update_interval(now, workload);
        match (fate, source) {
            (ChunkFate::Kept, Some(source)) => interval.kept.add(source, bytes),
            _ => interval.wasted += bytes,
        }
    }
}

impl Observer for Recorder {
    #[inline]
    fn fact(&mut self, now: Nanos, peer: Peer, fact: &Fact) {
        match *fact {
            Fact::Copies { first, duplicate, tainted } => {
                let copies = &mut self.copies[peer.index()];
                copies.first += first;
                copies.duplicate += duplicate;
                copies.tainted += tainted;
            }
            Fact::MeshDegree { peers } => self.mesh_degrees.push(u64::from(peers)),
            Fact::Pubsub { what, count } => *self.pubsub[what as usize].get_or_insert(0) += count,
            Fact::Kademlia { what, count } => self.kademlia[what as usize] += count,
            Fact::RoutingTable { peers, records } => {
                self.table_sizes.push(u64::from(peers));
                self.provider_records.extend(records.map(u64::from));
            }
            Fact::Shown { posted, route, .. } => {
                self.series[(now.0 / self.interval.0) as usize].shown += 1;
                if route == Route::Overlay {
                    // Where it was said: by that it is before or after the warm-up.
                    let interval = &mut self.series[(posted.0 / self.interval.0) as usize];
                    interval.live += 1;
                    interval.live_nanos = interval.live_nanos.saturating_add(now.saturating_sub(posted).0);
                }
                self.workloads.iter_mut().for_each(|it| it.record(now, peer, fact));
                if let Some(facts) = &mut self.facts {
                    facts.record(now, peer, fact);
                }
            }
            Fact::ChunkCame { workload, from, bytes, fate } => {
                self.chunk_came(now, (peer, from), usize::from(workload), u64::from(bytes), fate);
                self.workloads.iter_mut().for_each(|it| it.record(now, peer, fact));
            }
            _ => self.workloads.iter_mut().for_each(|it| it.record(now, peer, fact)),
        }
    }

    fn up(&mut self, now: Nanos, peer: Peer) {
        self.starts.begins(now, peer);
        self.workloads.iter_mut().for_each(|it| it.peer_up(now, peer));
    }

    fn down(&mut self, now: Nanos, peer: Peer) {
        self.workloads.iter_mut().for_each(|it| it.peer_down(now, peer));
    }

    fn discarded(&mut self, now: Nanos, _: Peer, workload: u8, bytes: u64) {
        let workload = usize::from(workload);
        self.update_interval(now, workload).wasted += bytes;
        self.workloads[workload].discarded(now, bytes);
    }

    fn falsified(&mut self, now: Nanos, bytes: u32) {
        self.series[(now.0 / self.interval.0) as usize].payload += u64::from(bytes);
    }

    #[inline]
    fn delivered(&mut self, now: Nanos, to: Peer, kind: Kind, item: Option<u32>, bytes: u32) {
        let interval = &mut self.series[self.current.at(now, self.interval)];
        let Some(item) = item else {
            interval.control += u64::from(bytes);
            return;
        };
        interval.payload += u64::from(bytes);
        if kind.spreads_item() {
            self.copy_count.came(to.0, item);
        }
    }

    fn measure(&mut self, _: Nanos, items: u32) {
        self.copy_count.restart(items);
    }
}

/// The interval that something was last in, and when it began: most that happens is in that of what was before, which takes no
/// division.
#[derive(Clone, Copy, Debug, Default)]
struct Current {
    number: usize,
    began: u64,
}

impl Current {
    /// The number of the interval of this instant.
    #[inline]
    fn at(&mut self, now: Nanos, interval: Nanos) -> usize {
        if now.0.wrapping_sub(self.began) >= interval.0 {
            let number = now.0 / interval.0;
            *self = Self { number: number as usize, began: number * interval.0 };
        }
        self.number
    }
}

/// Bytes by interval, as one of several threads counts them.
#[derive(Debug)]
pub struct ByteTally {
    interval: Nanos,
    series: Vec<(u64, u64)>,
    /// That of the last delivery.
    current: Current,
    sample: Sample,
}

impl Tally for ByteTally {
    fn falsified(&mut self, now: Nanos, bytes: u32) {
        self.series[(now.0 / self.interval.0) as usize].0 += u64::from(bytes);
    }

    #[inline]
    fn delivered(&mut self, now: Nanos, to: Peer, kind: Kind, carries_item: bool, bytes: u32) -> bool {
        let (payload, control) = &mut self.series[self.current.at(now, self.interval)];
        *if carries_item { payload } else { control } += u64::from(bytes);
        carries_item && kind.spreads_item() && self.sample.has(to.0)
    }
}

impl Divisible for Recorder {
    type Tally = ByteTally;

    fn tally(&self) -> ByteTally {
        ByteTally {
            interval: self.interval,
            series: vec![(0, 0); self.series.len()],
            current: Current::default(),
            sample: self.copy_count.sample(),
        }
    }

    fn came(&mut self, to: Peer, item: u32) {
        self.copy_count.came(to.0, item);
    }

    fn gather(&mut self, tally: ByteTally) {
        for (interval, (payload, control)) in self.series.iter_mut().zip(tally.series) {
            interval.payload += payload;
            interval.control += control;
        }
    }
}
