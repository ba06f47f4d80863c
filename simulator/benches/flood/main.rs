//! Flooding: the real overlay hosted by the engine, against a loop written by hand.
//!
//! 10,000 peers, random 8-regular; 100 messages of 1 KiB by different authors, 5 ms apart; 10 messages at 100,000 peers. Every message is
//! delivered `n (d - 1) + 1` times: its author sends `d` copies, each of the others `d - 1`.
//!
//! | name | what runs |
//! |---|---|
//! | hand | seen-bits, compressed rows, the engine's wheel and the network's formulas in one loop: no contract, no machines |
//! | hosted | `overlay::Flood` on the engine, with regions, jitter, loss, and queues at both ends |
//! | bare | the same with one delay for all pairs, no jitter, no loss, and links that are never busy |
//!
//! The loop and the engine must deliver the same messages at the same nanoseconds, or the bench panics. The last lines
//! compare them in turns, in processor time, which noise on a shared machine disturbs least; and, in wall time, whole runs of
//! both networks on one thread and on two. The engine connects its peers first, which the loop does not, so the two are compared
//! twice: as whole runs, and less what the same run with a single message takes.

#[path = "../author/mod.rs"]
mod author;
#[path = "../clock/mod.rs"]
mod clock;
mod fleet;
mod hand;
mod hosted;
#[path = "../memory/mod.rs"]
mod memory;

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use criterion::{BatchSize, Criterion, SamplingMode, Throughput, criterion_group, criterion_main};

use clock::timed;
use fleet::Fleet;
use memory::grown;
use peerlab_simulator::engine::threads::division::Division;

/// What a run delivered, and when.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Tally {
    delivered: u64,
    /// Sum of the instants of all deliveries, ns, wrapping: equal for runs that agree on every nanosecond.
    instants: u64,
}

fn flood(criterion: &mut Criterion) {
    let (full, bare) = (Fleet::full(10_000), Fleet::bare(10_000));
    let mut group = criterion.benchmark_group("flood of 10,000 peers");
    group
        .throughput(Throughput::Elements(full.deliveries()))
        .sample_size(10)
        .sampling_mode(SamplingMode::Flat);
    group.bench_function("hand", |bencher| {
        bencher.iter_batched(|| hand::Loop::new(&full), |run| black_box(run.run()), BatchSize::PerIteration);
    });
    for (name, fleet) in [("hosted", &full), ("bare", &bare)] {
        group.bench_function(name, |bencher| {
            let setup = || hosted::engine(fleet);
            bencher.iter_batched(setup, |run| black_box(run.run(&|_| false).1), BatchSize::PerIteration);
        });
    }
    group.finish();
}

/// Turns in which the loop and the engine are compared; the best of each counts.
const TURNS: u32 = 3;

fn side_by_side(_: &mut Criterion) {
    for peers in [10_000, 100_000] {
        let (full, bare) = (Fleet::full(peers), Fleet::bare(peers));
        let (mut by_hand, mut hosted, mut unmodelled) = (Duration::MAX, Duration::MAX, Duration::MAX);
        let one = Fleet::nearly_silent(peers);
        let (mut one_by_hand, mut one_hosted) = (Duration::MAX, Duration::MAX);
        let mut memory = u64::MAX;
        for _ in 0..TURNS {
            let run = hand::Loop::new(&full);
            let (took, tally) = timed(|| run.run());
            by_hand = by_hand.min(took);
            let run = hand::Loop::new(&one);
            one_by_hand = one_by_hand.min(timed(|| run.run()).0);
            let run = hosted::engine(&one);
            one_hosted = one_hosted.min(timed(|| run.run(&|_| false)).0);

            let (grew, (took, (_, counted))) = grown(|| {
                let run = hosted::engine(&full);
                timed(|| run.run(&|_| false))
            });
            memory = memory.min(grew.unwrap_or(u64::MAX));
            hosted = hosted.min(took);
            assert_eq!(counted.tally, tally, "the engine does what the loop does, to the nanosecond");
            assert_eq!(tally.delivered, full.deliveries());

            let run = hosted::engine(&bare);
            let (took, (_, counted)) = timed(|| run.run(&|_| false));
            unmodelled = unmodelled.min(took);
            assert_eq!(counted.tally.delivered, bare.deliveries());
        }
        println!(
            "\n{peers} peers, {} messages, {} deliveries; best of {TURNS}",
            full.messages,
            full.deliveries()
        );
        for (name, took) in [("hand", by_hand), ("hosted", hosted), ("bare", unmodelled)] {
            let each = took.as_secs_f64() / full.deliveries() as f64;
            println!("{name:>8}: {:6.1} ns a delivery, {:5.2} M deliveries/s", each * 1e9, 1e-6 / each);
        }
        let ratio = |hosted: Duration, by_hand: Duration| hosted.as_secs_f64() / by_hand.as_secs_f64();
        println!(
            "hosted / hand: {:.2}; less the time with one message ({one_hosted:.1?}, {one_by_hand:.1?}): {:.2}",
            ratio(hosted, by_hand),
            ratio(hosted - one_hosted, by_hand - one_by_hand)
        );
        if memory != u64::MAX {
            println!(
                "hosted: {} bytes a peer at the peak, messages on their way included",
                memory / u64::from(peers)
            );
        }
    }
}

fn threads(_: &mut Criterion) {
    for peers in [10_000, 100_000] {
        for (name, fleet) in [("bare", Fleet::bare(peers)), ("full", Fleet::full(peers))] {
            let division = Division::of(&fleet.plan, 2, 1e6).expect("it can be divided");
            let (mut on_one, mut on_two) = (Duration::MAX, Duration::MAX);
            for _ in 0..TURNS {
                let began = Instant::now();
                let (one, counted) = hosted::engine(&fleet).run(&|_| false);
                on_one = on_one.min(began.elapsed());

                let began = Instant::now();
                let (two, counted_by_two) = hosted::divided(&fleet, &division);
                on_two = on_two.min(began.elapsed());
                assert_eq!((one.digest, counted.tally), (two.digest, counted_by_two.tally));
            }
            println!(
                "\n{peers} peers, {name}, windows of {}: one thread {on_one:.2?}, two {on_two:.2?}; one / two: {:.2}",
                division.lookahead(),
                on_one.as_secs_f64() / on_two.as_secs_f64()
            );
        }
    }
}

criterion_group!(benches, flood, side_by_side, threads);
criterion_main!(benches);
