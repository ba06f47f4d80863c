//! The comparison as the page that people read, and as Markdown.

use peerlab_report::{
    html::{Figure, Study, Table},
    markdown::{escape, table},
    page::provenance_rows,
    quantity::grouped,
};
use peerlab_scenarios::report::{
    Trust,
    fidelity::{Fidelity, Origin},
};

use super::tables::{distances, measures};
use crate::compare::page::numbers;

/// What was held against what.
#[must_use]
pub fn introduction(fidelity: &Fidelity) -> String {
    let others: Vec<&str> = fidelity.runs[1..].iter().map(|run| run.name.as_str()).collect();
    format!(
        "{} of {}: {} held against {}, {} peers, seed {}.",
        if fidelity.runs.len() == 2 {
            "Two runs".to_owned()
        } else {
            format!("{} runs", fidelity.runs.len())
        },
        fidelity.scenario,
        fidelity.runs[0].name,
        others.join(" and "),
        grouped(u64::from(fidelity.peers)),
        fidelity.seed,
    )
}

/// How to read it, a paragraph each.
const METHOD: [&str; 4] = [
    "All runs have the same plan: the same people say the same things at the same times, over paths of the same delay. What \
     differs is what the engines make of it, and which packets are lost or late.",
    "\"Off by\" is how far the first run is above the other, as a share of the other's value. Intervals are at 95 %, of each \
     difference by itself; * marks those that do not hold nought. They count a post, or a release, as one observation, however many readers \
     it has, and peers and meshes one by one. Quantiles are bracketed by order statistics, means by the normal distribution, and \
     differences by the method of Zou and Donner (2008). Single numbers, maxima and fewer than 20 observations have none.",
    "KS is the distance of Kolmogorov and Smirnov: the greatest difference between two cumulative shares. p is the chance of one as \
     large between two samples of one distribution, with the same observations. Distributions are kept in buckets of 0.1 %, so \
     a distance is off by no more than the share of the values that lie so near to one another.",
    "Two runs say nothing of other seeds: for these, see `run --seeds`.",
];

fn state(run: &Origin) -> String {
    match run.state {
        Trust::Valid => "valid".to_owned(),
        Trust::Degraded => format!("degraded: {}", run.reasons.join("; ")),
        Trust::Invalid => format!("invalid: {}", run.reasons.join("; ")),
    }
}

/// The page with its charts.
#[must_use]
pub fn page(fidelity: &Fidelity, figures: Vec<Figure>) -> Study {
    let mut facts = vec![("Scenario".to_owned(), fidelity.scenario.clone())];
    facts.extend(
        fidelity.runs.iter().map(|run| (run.name.clone(), format!("{}, {}", run.engine, state(run)))),
    );
    facts.push(("Seed".to_owned(), fidelity.seed.to_string()));
    facts.push(("Peers".to_owned(), grouped(u64::from(fidelity.peers))));
    let titled = |title: &str, caption: &str, rows| Table {
        nothing: "There are none.".to_owned(),
        ..numbers(title, caption, rows)
    };
    Study {
        kind: "peerlab comparison of engines".to_owned(),
        title: introduction(fidelity),
        verdict: None,
        introduction: fidelity.findings.join("\n\n"),
        facts,
        findings: vec![titled(
            "Distances",
            "Between the distributions of the first run and of each other",
            distances(fidelity),
        )],
        figures,
        details: vec![titled(
            "All numbers",
            "Of each run, and how far the first is off: * beyond chance",
            measures(fidelity),
        )],
        method: METHOD.map(ToOwned::to_owned).to_vec(),
        provenance: provenance_rows(&fidelity.provenance),
    }
}

/// The comparison as Markdown; charts are beside it in `charts/`.
#[must_use]
pub fn markdown(fidelity: &Fidelity, charts: &[(String, String)]) -> String {
    let mut text = format!("# {}\n\n", escape(&introduction(fidelity)));
    for finding in &fidelity.findings {
        text.push_str(&format!("- {}\n", escape(finding)));
    }
    for run in &fidelity.runs {
        text.push_str(&format!("- {}: {}, {}\n", escape(&run.name), run.engine, escape(&state(run))));
    }
    for (id, title) in charts {
        text.push_str(&format!("\n![{}](charts/{id}.png)\n", escape(title)));
    }
    for (title, (heads, rows)) in [("Distances", distances(fidelity)), ("All numbers", measures(fidelity))] {
        text.push_str(&format!("\n## {title}\n\n{}", table(&heads, &rows)));
    }
    text.push_str(&format!("\n## Method\n\n{}\n", METHOD.join("\n\n")));
    text
}
