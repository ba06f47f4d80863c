//! gossipsub: the model on the engine, with all that the network does.
//!
//! Random 16-regular, one room, libp2p's parameters, regions, jitter, loss, and queues at both ends; 100 messages of 1 KiB by
//! different authors, 5 ms apart, and 10 at 100,000 peers. A delivery is a copy of an item that reaches its machine; heartbeats
//! and gossip come with it. The last lines give processor time, which noise on a shared machine disturbs least: of whole runs, and
//! less what the same run with a single item takes, which is mostly to connect everybody and to keep up meshes for 40 s.

mod author;
mod clock;

use std::{collections::BTreeMap, fmt::Write as _, hint::black_box, sync::Arc, time::Duration};

use criterion::{BatchSize, Criterion, SamplingMode, Throughput, criterion_group, criterion_main};
use peerlab_report::Observer;
use peerlab_scenarios::{
    host::{Peer, PeerHost, RoleSlot},
    plan::Plan,
    report::Fact,
    seed::Seed,
    spec::{overlay::Overlay, read},
    units::Nanos,
    wire::Kind,
};
use peerlab_simulator::{
    engine::Engine,
    gossipsub::{Fleet, Gossipsub},
};

use author::Author;
use clock::timed;

/// Counts messages, those of them that are copies of items, and those that came first.
#[derive(Debug, Default)]
struct Tally {
    messages: u64,
    copies: u64,
    first: u64,
}

impl Observer for Tally {
    fn fact(&mut self, _: Nanos, _: Peer, fact: &Fact) {
        if let Fact::Copies { first, .. } = fact {
            self.first += first;
        }
    }

    #[inline]
    fn delivered(&mut self, _: Nanos, _: Peer, kind: Kind, _: Option<u32>, _: u32) {
        self.messages += 1;
        self.copies += u64::from(kind == Kind::PubsubPublish);
    }
}

/// Messages of a fleet of so many.
fn messages(peers: u32) -> u32 {
    (1_000_000 / peers).clamp(1, 100)
}

/// A fleet that spreads so many messages.
fn plan(peers: u32, messages: u32) -> Plan {
    let yaml = format!(
        "apiVersion: peerlab.dev/v1alpha1
kind: Scenario
metadata: {{name: gossipsub}}
spec:
  duration: 30s
  coolDown: 10s
  network: {{jitter: 5%, loss: 1%}}
  groups: [{{name: peers, peers: {peers}, link: {{up: 50Mbit, down: 100Mbit}}}}]
  topology: {{kRegular: {{degree: 16}}}}
  overlay: {{gossipsub: {{}}}}
  workloads: [{{name: posts, chat: {{posts: {{trace: {{file: posts.csv}}}}}}}}]
"
    );
    let mut posts = String::new();
    for number in 0..messages {
        // Meshes stand by then.
        let (at, author) = (20_000 + 5 * number, number * 97 % peers);
        writeln!(posts, "{at}ms,0,{author},1024").expect("a string grows as needed");
    }
    let scenario =
        read::read("gossipsub.yaml", yaml.as_bytes()).unwrap_or_else(|problems| panic!("{problems:?}"));
    let files = BTreeMap::from([("posts.csv".to_owned(), posts)]);
    Plan::new(&scenario, Seed(scenario.spec.seed), &files).unwrap_or_else(|errors| panic!("{errors:?}"))
}

/// A run that is ready to begin.
fn engine(plan: &Plan) -> Engine<'_, Gossipsub, Author, Tally> {
    let Overlay::Gossipsub(params) = &plan.spec.overlay else { unreachable!("the plan is for gossipsub") };
    let fleet = Fleet::new(plan, params);
    let make =
        move |_| PeerHost::new(Gossipsub::new(Arc::clone(&fleet)), vec![RoleSlot::new(0, Author::default())]);
    Engine::new(plan, make, Tally::default())
}

fn gossipsub(criterion: &mut Criterion) {
    let plan = plan(10_000, messages(10_000));
    let copies = engine(&plan).run(&|_| false).1.copies;
    let mut group = criterion.benchmark_group("gossipsub of 10,000 peers");
    group.throughput(Throughput::Elements(copies)).sample_size(10).sampling_mode(SamplingMode::Flat);
    group.bench_function("model", |bencher| {
        bencher.iter_batched(
            || engine(&plan),
            |run| black_box(run.run(&|_| false).1),
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

/// Turns of which the best counts.
const TURNS: u32 = 3;

fn figures(_: &mut Criterion) {
    for peers in [1_000, 10_000, 100_000] {
        let messages = messages(peers);
        let (full, nearly_silent) = (plan(peers, messages), plan(peers, 1));
        let (mut best, mut least) = (Duration::MAX, Duration::MAX);
        let (mut copies, mut all) = (0, 0);
        for _ in 0..TURNS {
            let run = engine(&nearly_silent);
            least = least.min(timed(|| run.run(&|_| false)).0);
            let run = engine(&full);
            let (took, (_, tally)) = timed(|| run.run(&|_| false));
            assert_eq!(tally.first, u64::from(messages) * u64::from(peers - 1), "everybody has everything");
            best = best.min(took);
            (copies, all) = (tally.copies, tally.messages);
        }
        let each = |took: Duration| took.as_secs_f64() / copies as f64;
        println!(
            "{peers} peers, {messages} items, {copies} deliveries: {:6.1} ns each, {:5.2} M/s; {:5.2} M/s with control \
             messages; less the time with one item ({least:.1?}): {:6.1} ns",
            each(best) * 1e9,
            1e-6 / each(best),
            1e-6 * all as f64 / best.as_secs_f64(),
            each(best.saturating_sub(least)) * 1e9
        );
    }
}

criterion_group!(benches, gossipsub, figures);
criterion_main!(benches);
