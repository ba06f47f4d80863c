//! A report on replicates as the page that people read.

use peerlab_scenarios::report::{
    Bound, Statistic, Unit as MetricUnit, Verdict,
    replicates::{Answer, ReplicatedMetric, ReplicatedTarget, Replicates, Stopping, StoppingRule},
    statistics::Estimate,
};

use peerlab_report::{
    html::{Cell, Figure, Study, Table, Tone, Verdict as Ended},
    page::{self, provenance_rows, show, warm_up},
    quantity::{Unit, grouped},
};

/// How the numbers of several runs come about.
const METHOD: [&str; 3] = [
    "Each run has a seed of its own, and with it a network, people and posts of its own. A run's mean or quantile is one \
     observation; the table gives the mean of these observations and, after ±, half the width of its 95 % interval by \
     Student's t, relative to the mean. Values within one run depend on one another and are never taken for independent.",
    "A target is met when the whole interval keeps the bound, missed when all of it breaks it, and undecided otherwise: more \
     runs would tell. A bound on the largest value is met when every run kept it.",
    "The bands of the charts are intervals of each point by itself: one point in twenty may lie outside by chance.",
];

/// An estimate with its precision for people: `128 ms ± 0.9 %`; with the half-width in the unit where the mean is nought.
#[must_use]
pub fn estimate(estimate: &Estimate, unit: MetricUnit) -> String {
    let mean = show(estimate.mean, unit);
    if estimate.deviation == 0.0 {
        return mean;
    }
    let width = estimate.relative_half_width();
    if width.is_finite() {
        format!("{mean} ± {}", Unit::Share.show(width))
    } else {
        format!("{mean} ± {}", show(estimate.half_width(), unit))
    }
}

/// One number of a metric over all runs, for people.
#[must_use]
pub fn spread(metric: &ReplicatedMetric, statistic: Statistic) -> String {
    let spread = metric.spread(statistic);
    let alone = spread.values.iter().copied().flatten().next();
    match (&spread.estimate, alone) {
        (Some(found), _) => estimate(found, metric.unit),
        (None, Some(value)) => show(value, metric.unit),
        (None, None) => "–".to_owned(),
    }
}

/// A bound for people: `p99 ≤ 500 ms`.
#[must_use]
pub fn bound(target: &ReplicatedTarget) -> String {
    let limit = page::limit(target.limit, target.unit);
    match target.bound {
        Bound::AtLeast => format!("mean ≥ {limit}"),
        Bound::AtMost => format!("mean ≤ {limit}"),
        other => format!("{} ≤ {limit}", other.name()),
    }
}

/// What was observed of a target, with its interval: `285 ms (279 ms to 291 ms)`.
#[must_use]
pub fn observed(target: &ReplicatedTarget) -> String {
    let Some(value) = target.observed else { return "nothing".to_owned() };
    let show = |value| page::show_beside(value, target.limit, target.unit);
    let value = show(value);
    match target.interval {
        Some([low, high]) if low < high => {
            // No metric is below nought, wherever Student's interval of a skewed one begins.
            format!("{value} ({} to {})", show(low.max(0.0)), show(high))
        }
        _ => value,
    }
}

/// An answer in a word.
#[must_use]
pub const fn answer(answer: Answer) -> &'static str {
    match answer {
        Answer::Met => "met",
        Answer::Missed => "MISSED",
        Answer::Undecided => "UNDECIDED",
    }
}

/// The verdict in a sentence.
#[must_use]
pub fn verdict(report: &Replicates) -> String {
    let count = |answer| report.targets.iter().filter(|target| target.answer == answer).count();
    let all = report.targets.len();
    match report.verdict() {
        Verdict::Invalid => format!("invalid runs: {}", report.validity.reasons.join("; ")),
        Verdict::Met if all == 0 => "no targets were set".to_owned(),
        Verdict::Met => format!("{all} of {all} targets met"),
        Verdict::Missed => match (count(Answer::Missed), count(Answer::Undecided)) {
            (0, undecided) => format!("{undecided} of {all} targets undecided: more runs would tell"),
            (missed, 0) => format!("{missed} of {all} targets missed"),
            (missed, undecided) => format!("{missed} of {all} targets missed, {undecided} undecided"),
        },
    }
}

/// The seeds in a few words: `42 to 61`.
#[must_use]
pub fn seeds(seeds: &[u64]) -> String {
    match seeds {
        [] => "none".to_owned(),
        [one] => one.to_string(),
        [first, .., last] => format!("{first} to {last}"),
    }
}

/// How a stopping rule ended the runs, in a sentence.
#[must_use]
pub fn stopping(stopping: &Stopping, runs: usize) -> String {
    let asked = Unit::Share.show(stopping.relative_error);
    let widths = stopping.measures.iter().map(|precision| {
        let width =
            precision.relative_half_width.map_or_else(|| "–".to_owned(), |width| Unit::Share.show(width));
        format!("{} {} ± {width}", precision.measure.metric, precision.measure.statistic.name())
    });
    let widths = widths.collect::<Vec<_>>().join(", ");
    let fewest = StoppingRule::FEWEST;
    if stopping.reached {
        format!("relative error {asked} reached after {runs} runs of {fewest} to {}: {widths}", stopping.most)
    } else {
        format!("relative error {asked} NOT reached in {runs} runs: {widths}")
    }
}

/// The page of a report on replicates with its charts.
#[must_use]
pub fn page(report: &Replicates, figures: Vec<Figure>) -> Study {
    let scenario = &report.scenario;
    let fact = |name: &str, value: String| (name.to_owned(), value);
    let mut facts = vec![
        fact("Engine", report.engine.clone()),
        fact("Runs", grouped(report.seeds.len() as u64)),
        fact("Seeds", seeds(&report.seeds)),
        fact("Peers", grouped(u64::from(scenario.peers))),
        fact("Duration", Unit::Seconds.show(scenario.duration)),
        fact("Warm-up", warm_up(scenario.warm_up, &scenario.settling)),
    ];
    if let Some(rule) = &report.stopping {
        facts.push(fact("Stopping rule", stopping(rule, report.seeds.len())));
    }
    let ended = match report.verdict() {
        Verdict::Invalid => Ended::Invalid,
        Verdict::Missed => Ended::Missed,
        Verdict::Met if report.targets.is_empty() => Ended::NoTargets,
        Verdict::Met => Ended::Met,
    };
    Study {
        kind: "peerlab report on replicates".to_owned(),
        title: scenario.name.clone(),
        verdict: Some((ended, verdict(report), page::validity(&report.validity))),
        introduction: scenario.description.clone().unwrap_or_default(),
        facts,
        findings: vec![targets(report)],
        figures,
        details: vec![metrics(report), pooled(report), invariants(report)],
        method: METHOD.map(ToOwned::to_owned).to_vec(),
        provenance: provenance_rows(&report.provenance),
    }
}

fn heads(names: &[&str]) -> Vec<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

fn targets(report: &Replicates) -> Table {
    let row = |target: &ReplicatedTarget| {
        let state = match target.answer {
            Answer::Met => Cell::State("✓ met", Tone::Good),
            Answer::Missed => Cell::State("✗ missed", Tone::Bad),
            Answer::Undecided => Cell::State("? undecided", Tone::Bad),
        };
        vec![
            Cell::Head(target.metric.clone()),
            Cell::Number(bound(target)),
            Cell::Number(observed(target)),
            Cell::Number(format!("{} of {}", target.met_in, report.seeds.len())),
            state,
        ]
    };
    Table {
        heading: "Targets".to_owned(),
        caption: "What the scenario asks for, and what the runs gave together".to_owned(),
        heads: heads(&["Metric", "#Bound", "#Observed (95 % interval)", "#Met in", "Result"]),
        rows: report.targets.iter().map(row).collect(),
        nothing: "The scenario sets no targets.".to_owned(),
    }
}

fn metrics(report: &Replicates) -> Table {
    let row = |(name, metric): (&String, &ReplicatedMetric)| {
        let numbers = Statistic::ALL.map(|statistic| Cell::Number(spread(metric, statistic)));
        std::iter::once(Cell::Head(name.clone())).chain(numbers).collect()
    };
    Table {
        heading: "Metrics".to_owned(),
        caption: "Mean over runs ± half of its 95 % interval".to_owned(),
        heads: heads(&["Name", "#mean", "#p50", "#p95", "#p99", "#max"]),
        rows: report.metrics.iter().map(row).collect(),
        nothing: "Nothing was measured.".to_owned(),
    }
}

fn pooled(report: &Replicates) -> Table {
    let row = |(name, metric): (&String, &ReplicatedMetric)| {
        let pooled = metric.pooled.filter(|pooled| pooled.n > 0)?;
        let number = |statistic| Cell::Number(show(pooled.value(statistic).unwrap_or_default(), metric.unit));
        let head = [Cell::Head(name.clone()), Cell::Number(grouped(pooled.n))];
        Some(head.into_iter().chain(Statistic::ALL.map(number)).collect())
    };
    Table {
        heading: "All values together".to_owned(),
        caption:
            "The distribution of all values of all runs; without intervals, for they depend on one another"
                .to_owned(),
        heads: heads(&["Name", "#n", "#mean", "#p50", "#p95", "#p99", "#max"]),
        rows: report.metrics.iter().filter_map(row).collect(),
        nothing: "Nothing is kept as a distribution.".to_owned(),
    }
}

fn invariants(report: &Replicates) -> Table {
    let rows = report.invariants.iter().map(|invariant| {
        let state = if invariant.holds { ("✓ holds", Tone::Good) } else { ("✗ broken", Tone::Bad) };
        let seeds: Vec<String> = invariant.broken_with.iter().map(ToString::to_string).collect();
        let detail =
            if seeds.is_empty() { "in every run".to_owned() } else { format!("seeds {}", seeds.join(", ")) };
        vec![Cell::Head(invariant.name.clone()), Cell::State(state.0, state.1), Cell::Text(detail)]
    });
    Table {
        heading: "Invariants".to_owned(),
        caption: "What must hold in every run, whatever the scenario".to_owned(),
        heads: heads(&["Invariant", "Result", "Detail"]),
        rows: rows.collect(),
        nothing: "No invariant was checked.".to_owned(),
    }
}
