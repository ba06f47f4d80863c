//! Charts of a comparison: the designs' curves over one another, and the ratios to the baseline.

use peerlab_report::{
    charts::{Cdf, Curve, Ratio, RatioRow, Ratios, Scale, Shares},
    html::Figure,
    quantity::Unit,
};
use peerlab_scenarios::report::{
    Statistic,
    comparison::{Compared, Comparison, Contender},
};

use super::Design;
use crate::replicates::{Band, ChatCurves, RolloutCurve, curve};

/// What the chart of ratios shows: how soon posts and releases arrive, and what they cost.
const HEADLINE: [(&str, Statistic); 10] = [
    ("delivery.latency", Statistic::Mean),
    ("delivery.latency", Statistic::P50),
    ("delivery.latency", Statistic::P99),
    ("coverage.t95", Statistic::P50),
    ("delivery.hops", Statistic::Mean),
    ("install.time", Statistic::Mean),
    ("install.t95", Statistic::P50),
    ("overlay.redundancy", Statistic::Mean),
    ("network.sent", Statistic::Mean),
    ("network.sent", Statistic::Max),
];

/// The charts of a comparison, in the order of the page.
#[must_use]
pub fn figures(comparison: &Comparison, designs: &[Design]) -> Vec<Figure> {
    let mut figures = vec![Figure {
        id: "ratios".to_owned(),
        title: format!("Ratios to {}", comparison.baseline),
        caption: format!(
            "How many times the value of {} each of the others has, with the 95 % interval of the paired difference. Hollow \
             marks are within chance.",
            comparison.baseline
        ),
        svg: ratios(comparison).svg(),
    }];
    let Some(baseline) = designs.first() else { return figures };
    for ChatCurves { name, .. } in &baseline.curves.chats {
        let of = |design: &Design| design.curves.chats.iter().find(|chat| chat.name == *name).cloned();
        figures.push(Figure {
            id: format!("{name}-latency"),
            title: format!("Delivery latency of {name}"),
            caption: "Mean distribution over runs of each design, with its interval point by point."
                .to_owned(),
            svg: overlaid(
                format!("Delivery latency of {name}"),
                "Time from post to showing",
                Shares::Samples,
                bands(designs, |design| of(design).map(|chat| chat.latency)),
            ),
        });
        figures.push(Figure {
            id: format!("{name}-coverage"),
            title: format!("Coverage of {name}"),
            caption: "Share of all (post, other member) pairs in which the member had been shown the post at this age.".to_owned(),
            svg: overlaid(
                format!("Coverage of {name}"),
                "Time since a post was said",
                Shares::Members,
                bands(designs, |design| of(design).map(|chat| chat.coverage)),
            ),
        });
    }
    for RolloutCurve { name, .. } in &baseline.curves.updates {
        figures.push(Figure {
            id: format!("{name}-coverage"),
            title: format!("Rollout of {name}"),
            caption: "Share of all (release, peer that is to have it) pairs in which the peer had installed the release at this \
                      age: the mean over runs of each design, with its interval point by point."
                .to_owned(),
            svg: overlaid(
                format!("Rollout of {name} since the release"),
                "Time since the release",
                Shares::Peers,
                bands(designs, |design| {
                    let update = design.curves.updates.iter().find(|update| update.name == *name);
                    update.map(|update| update.installed.clone())
                }),
            ),
        });
    }
    figures
}

/// The curve of each design that has one.
fn bands(designs: &[Design], band: impl Fn(&Design) -> Option<Band>) -> Vec<Curve> {
    designs.iter().filter_map(|design| Some(curve(&design.name, &band(design)?))).collect()
}

/// The curves of all designs, one over the other.
fn overlaid(title: String, quantity: &str, shares: Shares, curves: Vec<Curve>) -> String {
    Cdf {
        title,
        quantity: quantity.to_owned(),
        unit: Unit::Seconds,
        shares,
        curves,
        scale: Scale::Auto,
        quantiles: false,
        target: None,
    }
    .svg()
}

fn ratios(comparison: &Comparison) -> Ratios {
    let is_headline = |compared: &&Compared| {
        let measure = &compared.measure;
        HEADLINE.iter().any(|(metric, statistic)| {
            measure.statistic == *statistic
                && (measure.metric == *metric || measure.metric.ends_with(&format!(".{metric}")))
        })
    };
    let row = |compared: &Compared| RatioRow {
        label: format!("{} {}", compared.measure.metric, compared.measure.statistic.name()),
        ratios: compared.contenders.iter().map(|contender| ratio(compared, contender.as_ref()?)).collect(),
    };
    Ratios {
        title: format!("Ratios to {} over {} seeds", comparison.baseline, comparison.seeds.len()),
        baseline: comparison.baseline.clone(),
        designs: comparison.contenders.clone(),
        rows: comparison.measures.iter().filter(is_headline).map(row).collect(),
    }
}

/// The difference as a ratio to the baseline's mean, which is taken for known.
fn ratio(compared: &Compared, contender: &Contender) -> Option<Ratio> {
    let (base, difference) = (compared.baseline.mean, contender.paired.difference);
    let of = |value: f64| ((base + value) / base).max(0.0);
    (base > 0.0).then(|| Ratio {
        at: of(difference.mean),
        low: of(difference.low),
        high: of(difference.high),
        significant: contender.significant,
    })
}
