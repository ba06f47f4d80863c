//! A comparison in rows of text, for the terminal, for pages and for Markdown alike.

use peerlab_report::{
    page::show,
    quantity::{Unit, fixed, grouped},
};
use peerlab_scenarios::report::{
    Unit as MetricUnit,
    comparison::{Compared, Comparison, Contender, FAMILY_LEVEL},
};

use crate::replicates::page::estimate;

/// A header and rows.
pub type Rows = (Vec<String>, Vec<Vec<String>>);

/// What a measure is called: `rooms.delivery.latency p99`.
fn name(compared: &Compared) -> String {
    format!("{} {}", compared.measure.metric, compared.measure.statistic.name())
}

/// A difference with its sign: `+12.5 ms`.
fn signed(value: f64, unit: MetricUnit) -> String {
    let text = show(value.abs(), unit);
    match value {
        value if value > 0.0 => format!("+{text}"),
        value if value < 0.0 => format!("−{text}"),
        _ => text,
    }
}

/// A p-value: `0.021`, or `< 0.001`.
fn chance(p: f64) -> String {
    if p < 0.001 { "< 0.001".to_owned() } else { fixed(p, 3) }
}

/// How much more than the baseline: `+12.5 %`; nothing when the baseline is nought.
fn relative(compared: &Compared, contender: &Contender) -> Option<String> {
    let share = contender.paired.difference.mean / compared.baseline.mean;
    let text = Unit::Share.show(share.abs());
    let sign = if share < 0.0 { "−" } else { "+" };
    share.is_finite().then(|| format!("{sign}{text}"))
}

/// What can be said of a difference, in a few words.
fn finding(contender: &Contender, tests: u64) -> String {
    if contender.significant {
        return "differs".to_owned();
    }
    let Some(seeds) = contender.seeds_needed.map(grouped) else { return "no difference seen".to_owned() };
    // A few extreme runs hide from the t test what most pairs show.
    if contender.paired.signed_rank_p < FAMILY_LEVEL / tests as f64 {
        format!("most pairs differ, means within chance; {seeds} seeds would tell")
    } else {
        format!("within chance; {seeds} seeds would tell")
    }
}

/// All contenders beside each other: a row a measure, with the baseline's estimate, and how much more or less each other one
/// has. `*` marks what is beyond chance; of the rest, the number of seeds that would tell stands in brackets.
#[must_use]
pub fn compact(comparison: &Comparison) -> Rows {
    let heads =
        ["measure", &comparison.baseline].into_iter().chain(comparison.contenders.iter().map(String::as_str));
    let cell = |compared: &Compared, contender: &Option<Contender>| {
        let Some(contender) = contender else { return "–".to_owned() };
        let more = relative(compared, contender)
            .unwrap_or_else(|| signed(contender.paired.difference.mean, compared.unit));
        match (contender.significant, contender.seeds_needed) {
            (true, _) => format!("{more} *"),
            (false, Some(seeds)) => format!("{more} ({})", grouped(seeds)),
            (false, None) => more,
        }
    };
    let row = |compared: &Compared| {
        let first = [name(compared), estimate(&compared.baseline, compared.unit)];
        let others = compared.contenders.iter().map(|contender| cell(compared, contender));
        first.into_iter().chain(others).collect()
    };
    (heads.map(ToOwned::to_owned).collect(), comparison.measures.iter().map(row).collect())
}

/// One contender, by its number, in full.
#[must_use]
pub fn full(comparison: &Comparison, number: usize) -> Rows {
    let heads = [
        "measure",
        &comparison.baseline,
        &comparison.contenders[number],
        "difference",
        "95 % interval",
        "p, adjusted",
        "p, ranks",
        "effect",
        "finding",
    ];
    let row = |compared: &Compared| {
        let contender = compared.contenders[number].as_ref()?;
        let (paired, unit) = (&contender.paired, compared.unit);
        let difference = signed(paired.difference.mean, unit);
        let relative = relative(compared, contender).map_or_else(String::new, |share| format!(" ({share})"));
        Some(vec![
            name(compared),
            estimate(&compared.baseline, unit),
            estimate(&contender.estimate, unit),
            format!("{difference}{relative}"),
            format!("{} to {}", signed(paired.difference.low, unit), signed(paired.difference.high, unit)),
            chance(contender.p_adjusted),
            chance(paired.signed_rank_p),
            paired.effect.map_or_else(|| "–".to_owned(), |effect| fixed(effect, 2)),
            finding(contender, comparison.tests),
        ])
    };
    (heads.map(ToOwned::to_owned).to_vec(), comparison.measures.iter().filter_map(row).collect())
}
