//! A comparison as the page that people read.

use peerlab_report::{
    html::{Cell, Figure, Study, Table},
    page::provenance_rows,
    quantity::grouped,
};
use peerlab_scenarios::report::{
    comparison::{Comparison, FAMILY_LEVEL},
    replicates::Measure,
};

use super::tables::{Rows, compact, full};
use crate::replicates::page::seeds;

/// The first sentences of a comparison: what was compared, how many tests it took and how many differ.
#[must_use]
pub fn introduction(comparison: &Comparison) -> String {
    let found = comparison.measures.iter().flat_map(|measure| measure.contenders.iter().flatten());
    let significant = found.filter(|contender| contender.significant).count();
    format!(
        "{} against {}, in pairs of runs with the same seed ({}, {} seeds). Of {} differences, {significant} are beyond chance: \
         the chance that even one of these is none is below {} %.",
        comparison.contenders.join(", "),
        comparison.baseline,
        seeds(&comparison.seeds),
        comparison.seeds.len(),
        grouped(comparison.tests),
        FAMILY_LEVEL * 100.0,
    )
}

/// How to read a comparison, a paragraph each.
pub(super) const METHOD: [&str; 4] = [
    "Runs with the same seed have the same people, who say the same things at the same times, on links of the same delay: \
     common random numbers. What they share cancels in the difference of a pair, so that fewer seeds tell more.",
    "Differences are held against nought by the paired t test. The p-values are adjusted for the number of tests by the \
     procedure of Holm; Wilcoxon's signed ranks, unadjusted, are a check that does not suppose normal differences. Intervals \
     are of each difference by itself.",
    "The effect is the mean difference by its standard deviation. A difference within chance may be there or not: the \
     number of seeds is what it takes to find one as large as was seen, in four studies of five, at the level of the \
     strictest test. A high quantile of a heavy tail needs many.",
    "In how far the designs are alike is for the reader to judge: the fields in which their scenarios differ are listed, and \
     a comparison is refused when workloads, duration or warm-up differ.",
];

/// Measures by name, for a sentence.
pub(super) fn listed(measures: &[Measure]) -> String {
    let names = measures.iter().map(|measure| format!("{} {}", measure.metric, measure.statistic.name()));
    names.collect::<Vec<_>>().join(", ")
}

/// In what the scenarios differ: a field, and the value of each design.
pub(super) fn differences(comparison: &Comparison) -> Rows {
    let designs = std::iter::once(&comparison.baseline).chain(&comparison.contenders);
    let heads = std::iter::once("field").chain(designs.map(String::as_str));
    let row = |(field, values): (&String, &Vec<serde_json::Value>)| {
        let values =
            values.iter().map(|value| if value.is_null() { "–".to_owned() } else { value.to_string() });
        std::iter::once(format!("spec.{field}")).chain(values).collect()
    };
    (heads.map(ToOwned::to_owned).collect(), comparison.differences.iter().map(row).collect())
}

/// The page of a comparison with its charts.
#[must_use]
pub fn page(comparison: &Comparison, figures: Vec<Figure>) -> Study {
    let mut findings = vec![numbers(
        "Findings",
        "Mean over runs of the baseline; of the others, how much more or less: * beyond chance, (n) the seeds that would tell",
        compact(comparison),
    )];
    findings.push(words("In what the scenarios differ", "Fields of spec", differences(comparison)));
    let details = comparison.contenders.iter().enumerate().map(|(number, name)| {
        let caption = "Estimates, and the paired difference with its interval, p-values, effect and finding";
        numbers(&format!("{name} against {}", comparison.baseline), caption, full(comparison, number))
    });
    let fact = |name: &str, value: String| (name.to_owned(), value);
    let mut facts = vec![
        fact("Engine", comparison.engine.clone()),
        fact("Baseline", comparison.baseline.clone()),
        fact("Seeds", seeds(&comparison.seeds)),
        fact("Tests", grouped(comparison.tests)),
    ];
    for (name, measures) in [("The same in all", &comparison.same), ("Without values", &comparison.absent)] {
        if !measures.is_empty() {
            facts.push(fact(name, listed(measures)));
        }
    }
    Study {
        kind: "peerlab comparison".to_owned(),
        title: format!("{} against {}", comparison.contenders.join(", "), comparison.baseline),
        verdict: None,
        introduction: introduction(comparison),
        facts,
        findings,
        figures,
        details: details.collect(),
        method: METHOD.map(ToOwned::to_owned).to_vec(),
        provenance: provenance_rows(&comparison.provenance),
    }
}

/// A table whose first column names and whose others hold numbers.
pub(crate) fn numbers(heading: &str, caption: &str, rows: Rows) -> Table {
    table(heading, caption, rows, "#", Cell::Number)
}

/// The same with words.
fn words(heading: &str, caption: &str, rows: Rows) -> Table {
    table(heading, caption, rows, "", Cell::Text)
}

fn table(heading: &str, caption: &str, (heads, rows): Rows, mark: &str, cell: fn(String) -> Cell) -> Table {
    let heads = heads.iter().enumerate();
    let heads = heads.map(|(place, head)| if place == 0 { head.clone() } else { format!("{mark}{head}") });
    let row = |row: Vec<String>| {
        let mut cells = row.into_iter();
        cells.next().map(Cell::Head).into_iter().chain(cells.map(cell)).collect()
    };
    Table {
        heading: heading.to_owned(),
        caption: caption.to_owned(),
        heads: heads.collect(),
        rows: rows.into_iter().map(row).collect(),
        nothing: "Nothing differs.".to_owned(),
    }
}
