//! PHOLD (Fujimoto 1990) on the bare event queue, against the standard library's binary heap.
//!
//! Each logical process keeps ten events in flight; every event popped schedules another at a random process,
//! after a lookahead of 10 ms plus an exponential delay of mean 90 ms. The handler does next to nothing, so
//! the time is the queue's.

mod split_mix;

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, SamplingMode, Throughput, criterion_group, criterion_main};
use peerlab_simulator::engine::wheel::{Event, Wheel};

use split_mix::SplitMix64;

const LOOKAHEAD_NS: u64 = 10_000_000;
const MEAN_NS: f64 = 90e6;
const IN_FLIGHT: u32 = 10;
const EVENTS: u64 = 5_000_000;

/// From an event to the one that it schedules, ns.
fn delay(rng: &mut SplitMix64) -> u64 {
    let uniform = ((rng.next() >> 11) as f64 + 0.5) / (1u64 << 53) as f64;
    LOOKAHEAD_NS + (-uniform.ln() * MEAN_NS) as u64
}

trait Queue: Default {
    const NAME: &'static str;
    fn push(&mut self, event: Event);
    fn pop(&mut self) -> Option<Event>;
}

impl Queue for Wheel {
    const NAME: &'static str = "wheel";

    fn push(&mut self, event: Event) {
        self.push(event);
    }

    fn pop(&mut self) -> Option<Event> {
        self.pop()
    }
}

type Heap = BinaryHeap<Reverse<Event>>;

impl Queue for Heap {
    const NAME: &'static str = "binary heap";

    fn push(&mut self, event: Event) {
        self.push(Reverse(event));
    }

    fn pop(&mut self) -> Option<Event> {
        self.pop().map(|event| event.0)
    }
}

struct Phold<Q> {
    queue: Q,
    random: SplitMix64,
    processes: u32,
}

impl<Q: Queue> Phold<Q> {
    fn new(processes: u32) -> Self {
        let mut phold = Self { queue: Q::default(), random: SplitMix64(42), processes };
        for process in 0..processes {
            for seq in 0..IN_FLIGHT {
                let time = delay(&mut phold.random);
                phold.queue.push(Event::new(time, process, process, seq as u16, 0, 0));
            }
        }
        phold
    }

    /// Handles `events` events; returns a digest of their order.
    fn run(&mut self, events: u64) -> u64 {
        let mut digest = 0u64;
        for _ in 0..events {
            let event = self.queue.pop().expect("every event schedules another");
            digest = digest.wrapping_mul(31).wrapping_add(event.time ^ event.key);
            let time = event.time + delay(&mut self.random);
            let dst = self.random.below(self.processes);
            self.queue.push(Event::new(time, dst, event.dst(), event.seq().wrapping_add(1), 0, 0));
        }
        digest
    }
}

fn phold<Q: Queue>(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("phold");
    group.throughput(Throughput::Elements(EVENTS)).sample_size(10).sampling_mode(SamplingMode::Flat);
    for processes in [10_000, 100_000] {
        let pending = processes * IN_FLIGHT;
        group.bench_function(BenchmarkId::new(Q::NAME, format!("{pending} pending")), |bencher| {
            let mut phold = Phold::<Q>::new(processes);
            bencher.iter(|| black_box(phold.run(EVENTS)));
        });
    }
    group.finish();
}

/// Everything at once: a handler schedules a burst at its own instant, which no bucket width can spread.
fn burst<Q: Queue>(criterion: &mut Criterion) {
    const BURST: u64 = 100_000;
    let mut group = criterion.benchmark_group("burst");
    group.throughput(Throughput::Elements(BURST)).sample_size(10);
    group.bench_function(BenchmarkId::new(Q::NAME, format!("{BURST} at one instant")), |bencher| {
        let mut queue = Q::default();
        let mut random = SplitMix64(42);
        bencher.iter(|| {
            for _ in 0..BURST {
                queue.push(Event { time: 0, key: random.next(), load: 0 });
            }
            while let Some(event) = queue.pop() {
                black_box(event);
            }
        });
    });
    group.finish();
}

criterion_group!(queue, phold::<Wheel>, phold::<Heap>, burst::<Wheel>, burst::<Heap>);
criterion_main!(queue);
