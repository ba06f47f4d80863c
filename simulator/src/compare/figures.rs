//! Charts of a comparison: the designs' curves over one another, and the ratios to the baseline.

use peerlab_report::{
    charts::{Cdf, Ratio, RatioRow, Ratios, Scale, Shares},
    html::Figure,
    quantity::Unit,
};
use peerlab_scenarios::report::{
    Statistic,
    comparison::{Compared, Comparison, Contender},
};

use super::Design;
use crate::replicates::{Band, ChatCurves, curve};

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
    let chats = designs.first().into_iter().flat_map(|design| &design.curves).map(|chat| chat.name.as_str());
    for chat in chats {
        figures.push(Figure {
            id: format!("{chat}-latency"),
            title: format!("Delivery latency of {chat}"),
            caption: "Mean distribution over runs of each design, with its interval point by point."
                .to_owned(),
            svg: overlaid(chat, designs, Shares::Samples, |curves| &curves.latency).svg(),
        });
        figures.push(Figure {
            id: format!("{chat}-coverage"),
            title: format!("Coverage of {chat}"),
            caption: "Share of all (post, other member) pairs in which the member had been shown the post at this age.".to_owned(),
            svg: overlaid(chat, designs, Shares::Recipients, |curves| &curves.coverage).svg(),
        });
    }
    figures
}

fn overlaid(chat: &str, designs: &[Design], shares: Shares, band: fn(&ChatCurves) -> &Band) -> Cdf {
    let curves = designs.iter().filter_map(|design| {
        let curves = design.curves.iter().find(|curves| curves.name == chat)?;
        Some(curve(&design.name, band(curves)))
    });
    let (what, quantity) = match shares {
        Shares::Samples => ("Delivery latency", "Time from post to showing"),
        Shares::Recipients => ("Coverage", "Time since a post was said"),
    };
    Cdf {
        title: format!("{what} of {chat}"),
        quantity: quantity.to_owned(),
        unit: Unit::Seconds,
        shares,
        curves: curves.collect(),
        scale: Scale::Auto,
        quantiles: false,
        target: None,
    }
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
