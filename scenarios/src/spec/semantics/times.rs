//! Times: in order, and within the run.

use super::periods::SHORTEST;
use crate::{
    spec::{Distribution, Join, Online, ScenarioSpec, read::Fault, read::FieldPath},
    units::Nanos,
};

pub(super) fn check(spec: &ScenarioSpec, faults: &mut Vec<Fault>) {
    let root = super::root();
    if spec.duration == Nanos::ZERO {
        faults
            .push(Fault::new(root.key("duration"), "a run takes some time").help("write for example `10m`"));
        return;
    }
    if spec.warm_up >= spec.duration {
        faults.push(
            Fault::new(
                root.key("warmUp"),
                format!(
                    "the warm-up of {} leaves nothing of the run's {} to count",
                    spec.warm_up, spec.duration
                ),
            )
            .help("make it shorter than `spec.duration`"),
        );
    }
    // What begins while messages come to rest would count for nothing.
    let within = |path: FieldPath, what: &str, at: Nanos| {
        (at >= spec.duration).then(|| {
            Fault::new(path, format!("{what} at {at}, after the run has ended at {}", spec.duration))
                .help("let it be earlier, or `spec.duration` longer")
        })
    };
    for (index, failure) in spec.faults.iter().enumerate() {
        let path = root.key("faults").index(index);
        faults.extend(within(path.key("at"), "this begins", failure.at));
        if failure.lasts == Some(Nanos::ZERO) {
            faults.push(
                Fault::new(path.key("for"), "this ends as soon as it begins")
                    .help("leave `for` out to let it last to the end of the run"),
            );
        }
    }
    for (index, group) in spec.groups.iter().enumerate() {
        let path = root.key("groups").index(index);
        match &group.join {
            Join::At(join) => {
                faults.extend(within(path.key("join").key("at").key("time"), "they join", join.time));
            }
            Join::Poisson(join) if join.over > spec.duration => faults.push(
                Fault::new(
                    path.key("join").key("poisson").key("over"),
                    format!("they join over {}, longer than the run of {}", join.over, spec.duration),
                )
                .help("make it at most `spec.duration`"),
            ),
            Join::AtStart(_) | Join::Poisson(_) => {}
        }
        if let Some(churn) = &group.churn {
            distribution(&churn.online, &path.key("churn").key("online"), faults);
            distribution(&churn.offline, &path.key("churn").key("offline"), faults);
        }
        if let Some(Online::Weekly(week)) = &group.online
            && week.to <= week.from
        {
            faults.push(
                Fault::new(
                    path.key("online").key("weekly").key("to"),
                    format!("`{}` is not after `{}`", week.to, week.from),
                )
                .help("a day's hours end on the same day, at `\"24:00\"` at the latest"),
            );
        }
    }
}

/// A random duration that is none at all, or so short that peers would come and go without end.
fn distribution(random: &Distribution, path: &FieldPath, faults: &mut Vec<Fault>) {
    let (path, length) = match random {
        Distribution::Uniform(uniform) if uniform.max < uniform.min => {
            faults.push(
                Fault::new(
                    path.key("uniform").key("max"),
                    format!("`max` of {} is less than `min` of {}", uniform.max, uniform.min),
                )
                .help("exchange the two"),
            );
            return;
        }
        Distribution::Uniform(uniform) => (path.key("uniform").key("max"), uniform.max),
        Distribution::Constant(constant) => (path.key("constant").key("value"), constant.value),
        Distribution::Exponential(exponential) => (path.key("exponential").key("mean"), exponential.mean),
        Distribution::Weibull(weibull) => (path.key("weibull").key("mean"), weibull.mean),
        Distribution::LogNormal(normal) => (path.key("logNormal").key("median"), normal.median),
        Distribution::Pareto(pareto) => (path.key("pareto").key("min"), pareto.min),
    };
    if length < SHORTEST {
        faults.push(
            Fault::new(
                path,
                format!("a run would never end: sessions and the gaps between them of {length}"),
            )
            .help(format!("write at least `{SHORTEST}`")),
        );
    }
}
