//! What is drawn of lookups.

use peerlab_scenarios::{
    plan::Plan,
    report::{Histogram, LookupsRecorder},
};

use super::{Series, quantile_curve};
use crate::{
    charts::{Cdf, Curve, Scale, Shares},
    html::Figure,
    quantity::Unit,
    record::Recorder,
};

pub(super) fn figures(plan: &Plan, recorder: &Recorder) -> Vec<Figure> {
    let figure = |(name, lookups): (&str, &LookupsRecorder)| {
        Figure {
        id: format!("{name}-lookups"),
        title: format!("Lookups of {name}"),
        caption: "From asking until providers of a content were known, until a connection with one stood, and until a peer was \
                  found; each over the lookups that came so far."
            .to_owned(),
        svg: Cdf {
            title: format!("Time that lookups of {name} took"),
            quantity: "Time from asking".to_owned(),
            unit: Unit::Seconds,
            shares: Shares::Samples,
            curves: curves(lookups)
                .into_iter()
                .map(|(label, histogram)| Curve::new(label, quantile_curve(histogram)))
                .collect(),
            scale: Scale::Auto,
            quantiles: true,
            target: None,
        }
        .svg(),
    }
    };
    recorder.lookups(plan).map(figure).collect()
}

/// What was found, and the times that it took.
fn curves(lookups: &LookupsRecorder) -> Vec<(&'static str, &Histogram)> {
    let (find, retrieve) = lookups.times();
    let all =
        [("providers known", find), ("provider reached", retrieve), ("peer found", lookups.peer_times())];
    all.into_iter().filter(|(_, histogram)| !histogram.is_empty()).collect()
}

pub(super) fn series(plan: &Plan, recorder: &Recorder) -> Vec<Series> {
    let mut list = Vec::new();
    for (name, lookups) in recorder.lookups(plan) {
        for (label, histogram) in curves(lookups) {
            list.push(Series {
                name: format!("{name}-{}", label.replace(' ', "-")),
                columns: vec!["seconds", "share_at_or_below"],
                rows: quantile_curve(histogram).into_iter().map(|(x, y)| vec![x, y]).collect(),
            });
        }
    }
    list
}
