//! One run on several threads: each has an engine for a part of the peers, and they exchange events at barriers.
//!
//! What happens at one peer happens at another later, by the shortest delay between their parts at the least: the *lookahead*. So
//! all engines may work off a window of that length without hearing from one another (Chandy and Misra, *Distributed
//! Simulation*, 1979, in the form of bounded windows). What they send one another in a window comes after it, and is exchanged
//! at its end. A run is the same on any number of threads, to the byte:
//!
//! - Each engine works off its events in their order, which is content. Nothing that a peer does depends on what happens
//!   elsewhere at the same instant.
//! - What concerns the whole run (faults, the end of the warm-up) and who is there when, all engines work off: both follow from
//!   the plan.
//! - Items have numbers that differ with the number of threads. Nothing depends on them: sets of items forget by age
//!   (`store::ages`), and the observer hears of items by the order in which they were made (`clerk`).
//! - Counters are added up. What an observer hears in order is put into the order of one thread first.
//!
//! | module | what it holds |
//! |---|---|
//! | [`division`] | which peers share a thread, and whether it pays |
//! | `places` | where an engine has what it knows of a peer |
//! | `outgoing` | what goes from one engine to others |
//! | `gate` | the barrier |
//! | `clerk` | what engines tell, in order |

mod clerk;
pub mod division;
mod gate;
mod outgoing;
mod places;

#[cfg(test)]
mod tests;

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
        mpsc::{self, SyncSender},
    },
    thread,
};

use peerlab_report::{Divisible, EngineKind, Outcome, Tally, traffic::Traffic};
use peerlab_scenarios::{
    host::{Machine, Overlay, Peer, PeerHost},
    plan::Plan,
    units::Nanos,
    wire::Item,
};

pub use self::places::{Everyone, Part, Places};
use self::{
    clerk::{Chronicle, Clerk, Note},
    division::Division,
    gate::Gate,
    outgoing::Batch,
};
pub(super) use self::{outgoing::Outgoing, places::Own};
use super::{
    Engine, WATCHED, Watch, event,
    store::{Store, ages},
};

/// Notes after which an engine tells what it has noted.
const MANY_NOTES: usize = 1 << 12;

/// What the engines of a run have in common.
struct Common {
    gate: Gate,
    /// Each twice, to be filled while the other is read.
    exchange: [Exchange; 2],
    /// Whether the run is to be stopped.
    stop: AtomicBool,
}

/// Items that an engine has made in a window, with their numbers.
type Made = Arc<[(u32, Item)]>;

/// What engines leave for one another at the end of a window.
struct Exchange {
    /// Events, by sender and receiver.
    events: Vec<Mutex<Batch>>,
    /// Items that each has made, with their numbers.
    items: Vec<Mutex<Made>>,
    pulses: Vec<Mutex<Pulse>>,
}

/// What all must know of each to go on.
#[derive(Clone, Copy, Debug)]
struct Pulse {
    /// When something happens next, ns.
    next: u64,
    /// Where the numbers of its items end, and how many it has made.
    end_of_items: u32,
    made: u64,
    /// Whether it has heard that the run is to be stopped.
    stops: bool,
    /// Whether it has much to tell: then all tell, as nothing can be told on that is not known of all.
    tells: bool,
}

/// What an engine tells the thread that began the run.
struct Word {
    part: usize,
    notes: Vec<Note>,
    /// It has noted everything before this instant, ns.
    until: u64,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Exchange {
    fn among(parts: usize) -> Self {
        let pulse = Pulse { next: 0, end_of_items: 0, made: 0, stops: false, tells: false };
        Self {
            events: (0..parts * parts).map(|_| Mutex::default()).collect(),
            items: (0..parts).map(|_| Mutex::new(Arc::from([]))).collect(),
            pulses: (0..parts).map(|_| Mutex::new(pulse)).collect(),
        }
    }
}

/// Runs a plan on as many threads as it is divided for, with the machines that `make` makes at each start of a peer; to its end or
/// until `watch` stops it.
pub fn run<O: Overlay<Store>, R: Machine<Store>, V: Divisible>(
    plan: &Plan,
    division: &Division,
    make: impl Fn(Peer) -> PeerHost<O, R> + Sync,
    observer: V,
    watch: Watch<'_>,
) -> (Outcome, V) {
    let parts = division.parts();
    let common = Common {
        gate: Gate::new(parts.len()),
        exchange: [Exchange::among(parts.len()), Exchange::among(parts.len())],
        stop: AtomicBool::new(false),
    };
    let mut chronicle = Chronicle::new(observer, parts.len());
    let (words, heard) = mpsc::sync_channel(2 * parts.len());
    let outcomes = thread::scope(|scope| {
        let threads: Vec<_> = parts
            .iter()
            .map(|part| {
                let (words, common, make) = (words.clone(), &common, &make);
                let clerk = Clerk::new(chronicle.observer.tally(), part.leads());
                scope.spawn(move || {
                    let _guard = common.gate.guard();
                    let store = Store::new(plan).part_of(part.number(), parts.len());
                    let mut engine = Engine::of(plan, part.clone(), Box::new(make), clerk, store);
                    engine.outgoing = Outgoing::to(parts.len());
                    engine.run_part(division.lookahead().0, common, &words)
                })
            })
            .collect();
        drop(words);
        for Word { part, notes, until } in heard {
            chronicle.take_in(part, notes, until);
            if watch(Nanos(until).min(plan.spec.end())) {
                common.stop.store(true, Ordering::Relaxed);
            }
        }
        let ended = threads.into_iter().map(thread::ScopedJoinHandle::join);
        let ended = ended.map(|ended| ended.unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        ended.collect::<Option<Vec<_>>>().expect("an engine is left only by one that panics")
    });
    let mut observer = chronicle.observer;
    let (outcomes, tallies): (Vec<_>, Vec<_>) = outcomes.into_iter().unzip();
    tallies.into_iter().for_each(|tally| observer.gather(tally));
    let outcome = together(plan, parts, outcomes);
    (outcome, observer)
}

impl<O: Overlay<Store>, R: Machine<Store>, T: Tally> Engine<'_, O, R, Clerk<T>, Part> {
    /// Runs its part to the end of the plan: what came of it, unless another engine's thread has panicked.
    fn run_part(mut self, lookahead: u64, common: &Common, words: &SyncSender<Word>) -> Option<(Outcome, T)> {
        let (me, end) = (self.places.number(), self.plan.spec.end().0);
        let (mut look, mut made, mut told) = (0, 0, 0);
        for exchange in common.exchange.iter().cycle() {
            let tells = self.observer.notes.len() >= MANY_NOTES || self.events - told >= WATCHED;
            let stops = common.stop.load(Ordering::Relaxed);
            made += self.hand_over(exchange, Pulse { next: 0, end_of_items: 0, made, stops, tells });
            common.gate.pass().ok()?;
            let all = self.take_in(exchange);
            if all.tells {
                told = self.events;
                let notes = std::mem::take(&mut self.observer.notes);
                words.send(Word { part: me, notes, until: all.next }).ok()?;
            }
            if all.stops || all.next > end {
                let end = if all.stops { all.next.min(end) } else { end };
                return Some(self.close(end, all.stops, words));
            }
            let looks = all.next >= look;
            if looks {
                look = ages::next_look(all.next);
            }
            self.store.begin_window(all.end_of_items, all.made, looks);
            let until = all.next.saturating_add(lookahead).min(look).min(end.saturating_add(1));
            self.work_until(until);
        }
        unreachable!("windows go on until one is the last")
    }

    /// Works off a window. `Engine::prefetch` is left to runs on one thread until it is measured to help here too.
    fn work_until(&mut self, until: u64) {
        self.outgoing.horizon = until;
        while let Some(event) = self.wheel.pop_before(until) {
            self.observer.turn(&event);
            let known = self.store.untold().len();
            self.work(&event);
            for &item in &self.store.untold()[known..] {
                self.observer.made(item);
            }
        }
    }

    /// Leaves for the others what they must know of the window: how many items it made.
    fn hand_over(&mut self, exchange: &Exchange, pulse: Pulse) -> u64 {
        let (me, parts) = (self.places.number(), self.outgoing.batches.len());
        for (to, batch) in self.outgoing.batches.iter_mut().enumerate() {
            if !batch.events.is_empty() {
                std::mem::swap(&mut *lock(&exchange.events[me * parts + to]), batch);
            }
        }
        let items: Arc<[_]> = self.store.take_untold().collect();
        let made = items.len() as u64;
        *lock(&exchange.items[me]) = items;
        let next = self.wheel.peek_time().unwrap_or(u64::MAX).min(self.outgoing.earliest);
        self.outgoing.earliest = u64::MAX;
        let end_of_items = self.store.end_of_blocks();
        *lock(&exchange.pulses[me]) = Pulse { next, end_of_items, made: pulse.made + made, ..pulse };
        made
    }

    /// Takes in what the others have left: and what all together have to say of the next window.
    fn take_in(&mut self, exchange: &Exchange) -> Pulse {
        let (me, parts) = (self.places.number(), self.outgoing.batches.len());
        for from in (0..parts).filter(|&from| from != me) {
            let items = Arc::clone(&lock(&exchange.items[from]));
            for (number, item) in &*items {
                self.store.learn(*number, item.clone());
            }
            let mut batch = lock(&exchange.events[from * parts + me]);
            let Batch { events, notes } = &mut *batch;
            let mut notes = notes.drain(..);
            for mut event in events.drain(..) {
                if event::note(&event).is_some() {
                    let note = notes.next().expect("each note was sent with its event");
                    event = event::with_note(event, self.store.unpack(note));
                }
                self.wheel.push(event);
            }
        }
        let pulses = exchange.pulses.iter().map(|pulse| *lock(pulse));
        let together = |all: Pulse, pulse: Pulse| Pulse {
            next: all.next.min(pulse.next),
            end_of_items: all.end_of_items.max(pulse.end_of_items),
            made: all.made + pulse.made,
            stops: all.stops || pulse.stops,
            tells: all.tells || pulse.tells,
        };
        pulses.reduce(together).expect("there are engines")
    }

    fn close(mut self, end: u64, interrupted: bool, words: &SyncSender<Word>) -> (Outcome, T) {
        let part = self.places.number();
        self.observer.close(end);
        let (outcome, clerk) = self.finish(Nanos(end), interrupted);
        let word = Word { part, notes: clerk.notes, until: u64::MAX };
        // Nobody listens any more if the thread that began the run has panicked.
        drop(words.send(word));
        (outcome, clerk.tally)
    }
}

/// What came of a run, from what came of its parts.
fn together(plan: &Plan, parts: &[Part], outcomes: Vec<Outcome>) -> Outcome {
    let peers = plan.peers.len() as usize;
    let interrupted = outcomes.iter().find_map(|outcome| outcome.interrupted);
    let mut all = Outcome {
        engine: EngineKind::Model,
        interrupted,
        bytes: vec![(0, 0); peers],
        online: vec![false; peers],
        fault_hits: vec![0; plan.faults.len()],
        connections: Vec::new(),
        traffic: Traffic::default(),
        warm_up: Traffic::default(),
        events: 0,
        digest: 0,
        skipped_commands: 0,
        reached: None,
        invariants: Vec::new(),
        disturbances: Vec::new(),
    };
    for (part, of_part) in parts.iter().zip(outcomes) {
        let own = plan.peers.iter().filter(|&peer| part.has(peer));
        for (peer, (bytes, online)) in own.zip(of_part.bytes.into_iter().zip(of_part.online)) {
            all.bytes[peer.index()] = bytes;
            all.online[peer.index()] = online;
        }
        all.fault_hits.iter_mut().zip(of_part.fault_hits).for_each(|(all, hits)| *all += hits);
        all.connections.extend(of_part.connections);
        all.traffic.add(&of_part.traffic);
        all.warm_up.add(&of_part.warm_up);
        all.events += of_part.events;
        all.digest = all.digest.wrapping_add(of_part.digest);
        all.skipped_commands += of_part.skipped_commands;
    }
    // In the order of their lower ends, each of which is in one part.
    all.connections.sort_by_key(|&(lower, _)| lower);
    all
}
