//! The peers of this crate, over the links of this machine.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use peerlab_node::fleet::{self, Options, Phase, Runtime};
use peerlab_report::Observer;
use peerlab_scenarios::{host::Peer, plan::Plan, report::Fact, units::Nanos, wire::Kind};

use super::{FILE, meters};

/// Counts what was shown, and notes how long an update took from when the other peer heard of it.
#[derive(Default)]
struct Witness {
    is_counting: bool,
    shown: u64,
    heard: Option<Nanos>,
    took: Option<Nanos>,
    is_installed: Arc<AtomicBool>,
}

impl Observer for Witness {
    fn fact(&mut self, now: Nanos, _: Peer, fact: &Fact) {
        match *fact {
            Fact::Shown { .. } if self.is_counting => self.shown += 1,
            Fact::Installed { .. } => {
                // Who releases it has it at once, before the other has heard of it.
                let Some(heard) = self.heard else { return };
                self.took = Some(now.saturating_sub(heard));
                self.is_installed.store(true, Ordering::Relaxed);
            }
            _ => {}
        }
    }

    fn delivered(&mut self, now: Nanos, _: Peer, _: Kind, item: Option<u32>, _: u32) {
        // The first item that comes is the manifest, and then all is asked for.
        if item.is_some() {
            self.heard.get_or_insert(now);
        }
    }

    fn measure(&mut self, _: Nanos, _: u32) {
        self.is_counting = true;
    }
}

fn run(plan: &Arc<Plan>, on_phase: &mut dyn FnMut(Phase)) -> Witness {
    let witness = Witness::default();
    let is_installed = Arc::clone(&witness.is_installed);
    let runtime = Runtime::start().expect("a runtime starts");
    let options = Options { bare_links: true, ..Options::default() };
    let stop = || is_installed.load(Ordering::Relaxed);
    let run = fleet::run(&runtime, plan, witness, options, None, on_phase, &stop).expect("the fleet runs");
    assert!(run.outcome.invariants.iter().all(|it| it.holds), "{:?}", run.outcome.invariants);
    run.observer
}

/// Bytes a microsecond of a file, from when it is asked for until it is checked and installed.
pub(crate) fn file(plan: &Arc<Plan>) -> f64 {
    let took = run(plan, &mut |_| ()).took.expect("it was installed");
    f64::from(FILE) * 1e3 / took.0 as f64
}

/// Processor time for each post that was shown to somebody, µs.
pub(crate) fn gossip(plan: &Arc<Plan>) -> f64 {
    let (mut before, mut after) = (None, None);
    let witness = run(plan, &mut |phase| match phase {
        Phase::Running { now, .. } if now >= plan.spec.warm_up => {
            before.get_or_insert_with(meters::cpu);
        }
        Phase::Collecting { .. } => {
            after.get_or_insert_with(meters::cpu);
        }
        _ => {}
    });
    let (before, after) = before.zip(after).expect("the run had a beginning and an end");
    (after - before) / witness.shown as f64
}

/// Memory a peer, KiB, when all are connected and have been for a while.
pub(crate) fn memory(plan: &Arc<Plan>) -> f64 {
    let before = meters::memory();
    let mut after = before;
    run(plan, &mut |phase| {
        if let Phase::Running { .. } = phase {
            after = meters::memory();
        }
    });
    (after - before) / f64::from(plan.peers.len())
}
