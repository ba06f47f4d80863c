//! When the next post of a room is made, and by whom.

use super::ChatPlan;
use crate::{
    host::Peer,
    seed::{Rng, mix},
    spec::chat::{Burst, Diurnal, Posts},
    units::Nanos,
};

/// The posting process of one room, on a stream of chance of its own.
#[derive(Clone, Debug)]
pub(super) struct Posting {
    rng: Rng,
    process: Process,
    now: Nanos,
}

#[derive(Clone, Debug)]
enum Process {
    Poisson {
        every: Nanos,
    },
    /// `left` posts of the burst that ends at `end`, of which the share `passed` has passed.
    Burst {
        spec: Burst,
        left: u32,
        end: Nanos,
        passed: f64,
    },
    Diurnal(Diurnal),
    /// Its posts are in the plan.
    Replayed,
}

impl Posting {
    pub(super) fn new(plan: &ChatPlan, room: u32) -> Self {
        let process = match &plan.spec.posts {
            Posts::Poisson(poisson) => Process::Poisson { every: poisson.every },
            Posts::Burst(burst) => {
                Process::Burst { spec: burst.clone(), left: 0, end: Nanos::ZERO, passed: 0.0 }
            }
            Posts::Diurnal(diurnal) => Process::Diurnal(diurnal.clone()),
            Posts::Trace(_) => Process::Replayed,
        };
        let rng = plan.seed.stream("posts", &[u64::from(plan.workload), u64::from(room)]);
        Self { rng, process, now: Nanos::ZERO }
    }

    /// When the next post is made; never earlier than the one before.
    pub(super) fn next(&mut self) -> Nanos {
        let Self { rng, process, now } = self;
        *now = match process {
            Process::Poisson { every } => now.saturating_add(exponential(rng, *every)),
            Process::Burst { spec, left, end, passed } => {
                if *left == 0 {
                    let quiet = exponential(rng, spec.every.saturating_sub(spec.within));
                    *end = end.saturating_add(quiet).saturating_add(spec.within);
                    (*left, *passed) = (spec.size.get(), 0.0);
                }
                // The smallest of the uniform numbers that are left, given those before: no need to draw and sort all.
                *passed += (1.0 - *passed) * (1.0 - libm::pow(rng.unit(), 1.0 / f64::from(*left)));
                *left -= 1;
                end.saturating_sub(spec.within).saturating_add(stretch(spec.within, *passed))
            }
            Process::Diurnal(day) => by_day(rng, day, *now),
            Process::Replayed => Nanos::NEVER,
        };
        *now
    }

    /// Who makes it: of all members the one whose hash with the post is lowest, so a new member takes posts only from
    /// those whom it outdoes.
    pub(super) fn author(&mut self, members: &[Peer]) -> Peer {
        let post = self.rng.next_u64();
        let author = members.iter().min_by_key(|peer| mix(post, u64::from(peer.0), 0));
        *author.expect("a room has two members")
    }
}

/// The next event of a Poisson process whose rate follows the time of day, by thinning one of the highest rate (Lewis
/// and Shedler, Naval Research Logistics Quarterly 1979, algorithm 1).
fn by_day(rng: &mut Rng, day: &Diurnal, mut now: Nanos) -> Nanos {
    let trough = day.trough.as_f64();
    // The mean of the cosine over a day is half way between trough and peak.
    let every_at_peak = stretch(day.every, (1.0 + trough) / 2.0);
    while now < Nanos::NEVER {
        now = now.saturating_add(exponential(rng, every_at_peak));
        let time_of_day = (now.0 % day.day.0) as f64 / day.day.0 as f64;
        let phase = libm::cos(2.0 * std::f64::consts::PI * (time_of_day - day.peak.part_of_day()));
        if rng.unit() < trough + (1.0 - trough) * (1.0 + phase) / 2.0 {
            break;
        }
    }
    now
}

/// A deviate of this mean, at least 1 ns.
fn exponential(rng: &mut Rng, mean: Nanos) -> Nanos {
    stretch(mean, rng.exponential()).max(Nanos(1))
}

fn stretch(time: Nanos, factor: f64) -> Nanos {
    // A cast from floating point saturates.
    Nanos((time.0 as f64 * factor) as u64)
}
