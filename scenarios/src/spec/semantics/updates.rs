//! Updates that can be: sizes that divide into chunks, and stages that follow one another.

use super::periods::SHORTEST;
use crate::{
    spec::{
        ScenarioSpec,
        read::{Fault, FieldPath},
        update::UpdateSpec,
    },
    units::{Bytes, Nanos, Share},
};

pub(super) fn check(spec: &ScenarioSpec, faults: &mut Vec<Fault>) {
    for (index, workload) in spec.workloads.iter().enumerate() {
        if let Some(update) = &workload.update {
            let path = super::root().key("workloads").index(index).key("update");
            check_sizes(update, &path, faults);
            check_times(update, spec.duration, &path, faults);
            check_rollout(update, &path.key("rollout"), faults);
        }
    }
}

fn check_sizes(update: &UpdateSpec, path: &FieldPath, faults: &mut Vec<Fault>) {
    if update.size == Bytes(0) {
        faults.push(
            Fault::new(path.key("size"), "there is nothing to bring to anybody")
                .help("write for example `50Mi`"),
        );
    }
    let (least, most) = (UpdateSpec::MIN_CHUNK, UpdateSpec::MAX_CHUNK);
    if update.chunk < least || update.chunk > most {
        faults.push(
            Fault::new(
                path.key("chunk"),
                format!("a chunk of {} is outside {least} to {most}", update.chunk),
            )
            .help("256Ki suits most links"),
        );
    } else if update.chunks() > UpdateSpec::MAX_CHUNKS {
        let why = format!(
            "{} come to {} chunks, more than {}",
            update.size,
            update.chunks(),
            UpdateSpec::MAX_CHUNKS
        );
        faults.push(Fault::new(path.key("size"), why).help("make the chunks larger"));
    }
}

fn check_times(update: &UpdateSpec, duration: Nanos, path: &FieldPath, faults: &mut Vec<Fault>) {
    if update.at >= duration {
        faults.push(
            Fault::new(
                path.key("at"),
                format!("this is released at {}, after the run has ended at {duration}", update.at),
            )
            .help("let it be earlier, or `spec.duration` longer"),
        );
    } else {
        let last =
            u64::from(update.releases.get() - 1).saturating_mul(update.every.0).saturating_add(update.at.0);
        if last >= duration.0 {
            let why =
                format!("the last is released at {}, after the run has ended at {duration}", Nanos(last));
            faults.push(Fault::new(path.key("releases"), why).help("write fewer, or make `every` shorter"));
        }
    }
    let fetch = path.key("fetch");
    let times = [
        (path.key("every"), update.every),
        (path.key("validFor"), update.valid_for),
        (fetch.key("patience"), update.fetch.patience),
        (fetch.key("announceAfter"), update.fetch.announce_after),
    ];
    for (path, time) in times {
        if time < SHORTEST {
            faults.push(
                Fault::new(path, format!("{time} is too short a time"))
                    .help(format!("write at least `{SHORTEST}`")),
            );
        }
    }
}

fn check_rollout(update: &UpdateSpec, path: &FieldPath, faults: &mut Vec<Fault>) {
    if update.rollout.first().is_some_and(|first| first.share == Share::ZERO) {
        faults.push(Fault::new(path.index(0).key("share"), "a stage of nobody").help("leave it out"));
    }
    for (index, pair) in update.rollout.windows(2).enumerate() {
        let [before, stage] = pair else { continue };
        let path = path.index(index + 1);
        if stage.share <= before.share {
            let why = format!("{} is not more than the {} of the stage before", stage.share, before.share);
            faults.push(Fault::new(path.key("share"), why).help("shares add up: the last is mostly `100%`"));
        }
        if stage.after <= before.after {
            let why = format!("{} is not later than the {} of the stage before", stage.after, before.after);
            faults.push(
                Fault::new(path.key("after"), why)
                    .help("times are from the release, not from the stage before"),
            );
        }
    }
}
