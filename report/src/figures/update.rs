//! What is drawn of an update.

use peerlab_scenarios::{plan::Plan, report::UpdateRecorder, units::Nanos};

use super::{Series, faults, spread};
use crate::{
    charts::{Coverage, Rate, RateUnit, Scale, Spreading, Throughput},
    html::Figure,
    record::{Recorder, UpdateInterval},
};

/// What a curve of the chart by locality counts, and the column that holds it.
type Part = (&'static str, &'static str, fn(&UpdateInterval) -> u64);

const PARTS: [Part; 5] = [
    ("same site", "site_bytes", |interval| interval.kept.site),
    ("same region", "region_bytes", |interval| interval.kept.region),
    ("other region", "far_bytes", |interval| interval.kept.far),
    ("origin", "origin_bytes", |interval| interval.kept.origin),
    ("wasted", "wasted_bytes", |interval| interval.wasted),
];

pub(super) fn figures(plan: &Plan, recorder: &Recorder) -> Vec<Figure> {
    let mut figures = Vec::new();
    for (name, update, series) in recorder.updates(plan) {
        figures.push(Figure {
            id: format!("{name}-coverage"),
            title: format!("Rollout of {name}"),
            caption: "Share of all (release, peer that is to have it) pairs in which the peer had installed the release at this \
                      age. Peers that are offline count, so under churn the curve reaches 100 % only when all have returned."
                .to_owned(),
            svg: coverage(name, update).svg(),
        });
        figures.push(Figure {
            id: format!("{name}-locality"),
            title: format!("Where the chunks of {name} came from"),
            caption: "Bytes of chunks that had been kept by then, by where the peer was that sent them, and of what came for \
                      nothing: here already, falsified, or not wanted any more. Until the last of them. Shaded: faults."
                .to_owned(),
            svg: locality(plan, name, series, recorder.interval).svg(),
        });
    }
    figures
}

fn curve(update: &UpdateRecorder) -> Vec<(f64, f64)> {
    spread(update.install(), |age| update.coverage(age))
}

fn coverage(name: &str, update: &UpdateRecorder) -> Coverage {
    Coverage {
        title: format!("Rollout of {name} since the release"),
        shares: curve(update),
        band: Vec::new(),
        scale: Scale::Auto,
        of: Spreading::Releases,
    }
}

fn locality(plan: &Plan, name: &str, series: &[UpdateInterval], interval: Nanos) -> Throughput {
    let seconds = interval.as_secs_f64();
    let counts = |interval: &UpdateInterval| PARTS.iter().map(|(_, _, count)| count(interval)).sum::<u64>();
    let done = series.iter().rposition(|interval| counts(interval) > 0).map_or(0, |last| last + 1);
    let sum = |(label, _, count): Part| {
        let mut so_far = 0;
        let point = |(number, interval): (usize, &UpdateInterval)| {
            so_far += count(interval);
            ((number + 1) as f64 * seconds, so_far as f64)
        };
        let points = std::iter::once((0.0, 0.0)).chain(series[..done].iter().enumerate().map(point));
        Rate { label: label.to_owned(), unit: RateUnit::BytesSoFar, points: points.collect() }
    };
    Throughput {
        title: format!("Chunks of {name} by where they came from"),
        rates: PARTS
            .into_iter()
            .filter(|(_, _, count)| series.iter().any(|it| count(it) > 0))
            .map(sum)
            .collect(),
        faults: faults(plan),
    }
}

pub(super) fn series(plan: &Plan, recorder: &Recorder) -> Vec<Series> {
    let mut list = Vec::new();
    let seconds = recorder.interval.as_secs_f64();
    for (name, update, series) in recorder.updates(plan) {
        list.push(Series {
            name: format!("{name}-coverage"),
            columns: vec!["seconds_since_release", "share_of_peers_reached"],
            rows: curve(update).into_iter().map(|(x, y)| vec![x, y]).collect(),
        });
        let row = |(number, interval): (usize, &UpdateInterval)| {
            let counts = PARTS.iter().map(|(_, _, count)| count(interval) as f64);
            std::iter::once(number as f64 * seconds).chain(counts).collect()
        };
        list.push(Series {
            name: format!("{name}-locality"),
            columns: std::iter::once("from_seconds").chain(PARTS.map(|(_, column, _)| column)).collect(),
            rows: series.iter().enumerate().map(row).collect(),
        });
    }
    list
}
