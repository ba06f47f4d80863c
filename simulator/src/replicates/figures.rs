//! Which charts a report on replicates has, and the series behind them.

use peerlab_scenarios::report::{Bound, Histogram, replicates::Replicates};

use super::{
    Band, Batch,
    band::{point, shares},
};
use peerlab_report::{
    charts::{Cdf, Curve, Interval as FaultSpan, Rate, RateUnit, Scale, Shares, Target, Throughput},
    figures::Series,
    html::Figure,
    quantity::Unit,
    record::Interval,
};

/// Times are recorded in ns.
const NANOS_PER_SECOND: f64 = 1e9;

/// Points of a curve: more than the eye tells apart.
const CURVE_STEPS: u32 = 400;

/// The curves of one chat over all runs.
#[derive(Clone, Debug, PartialEq)]
pub struct ChatCurves {
    /// The chat's name.
    pub name: String,
    /// (seconds, share of showings that took at most so long).
    pub latency: Band,
    /// (seconds since a post was said, share of members that had been shown it).
    pub coverage: Band,
}

/// How one update was rolled out over all runs.
#[derive(Clone, Debug, PartialEq)]
pub struct RolloutCurve {
    /// The update's name.
    pub name: String,
    /// (seconds since a release, share of the peers that are to have it and had installed it).
    pub installed: Band,
}

/// The curves of all workloads.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Curves {
    /// Of the chats.
    pub chats: Vec<ChatCurves>,
    /// Of the updates.
    pub updates: Vec<RolloutCurve>,
}

/// The curves of each workload.
#[must_use]
pub fn chart_curves(batch: &Batch) -> Curves {
    let updates = batch.runs.first().into_iter().flat_map(|run| &run.updates).enumerate();
    let updates = updates.map(|(number, update)| RolloutCurve {
        name: update.name.clone(),
        installed: rollout(batch, number),
    });
    Curves { chats: chats(batch), updates: updates.collect() }
}

fn chats(batch: &Batch) -> Vec<ChatCurves> {
    let names = batch.runs.first().into_iter().flat_map(|run| &run.chats).map(|chat| &chat.name);
    let curves = names.enumerate().map(|(number, name)| {
        let chats = || batch.runs.iter().map(|run| &run.chats[number]);
        let pooled = batch.pooled.get(&format!("{name}.delivery.latency"));
        let at = pooled.map_or_else(Vec::new, quantiles);
        let latency: Vec<_> = chats().map(|chat| (&chat.times, chat.times.total())).collect();
        let coverage: Vec<_> = chats().map(|chat| (&chat.times, chat.expected)).collect();
        ChatCurves {
            name: name.clone(),
            latency: shares(at.iter().copied(), &latency, NANOS_PER_SECOND),
            coverage: shares(at.iter().copied(), &coverage, NANOS_PER_SECOND),
        }
    });
    curves.collect()
}

/// (seconds since a release, share of the peers that are to have it and had installed it), of the update of this number.
fn rollout(batch: &Batch, number: usize) -> Band {
    let updates = || batch.runs.iter().map(|run| &run.updates[number]);
    let pooled = updates().next().and_then(|first| batch.pooled.get(&format!("{}.install.time", first.name)));
    let installs: Vec<_> = updates().map(|update| (&update.times, update.expected)).collect();
    shares(pooled.map_or_else(Vec::new, quantiles).into_iter(), &installs, NANOS_PER_SECOND)
}

/// Values at even steps of the share below them, the least first.
fn quantiles(histogram: &Histogram) -> Vec<u64> {
    if histogram.is_empty() {
        return Vec::new();
    }
    let at = |step: u32| histogram.quantile(f64::from(step) / f64::from(CURVE_STEPS));
    let mut values: Vec<u64> = std::iter::once(histogram.min()).chain((1..=CURVE_STEPS).map(at)).collect();
    values.dedup();
    values
}

/// A band as a curve of a chart.
pub(crate) fn curve(label: &str, band: &Band) -> Curve {
    let points = band.iter().map(|point| (point.x, point.mean)).collect();
    let band = band.iter().map(|point| (point.x, point.low, point.high)).collect();
    Curve { band, ..Curve::new(label, points) }
}

/// The charts of a report on replicates, in the order of the page.
#[must_use]
pub fn figures(batch: &Batch, curves: &Curves) -> Vec<Figure> {
    let mut figures = Vec::new();
    for chat in &curves.chats {
        let name = &chat.name;
        figures.push(Figure {
            id: format!("{name}-latency"),
            title: format!("Delivery latency of {name}"),
            caption: "From a post being said to its being shown to a member, in order: the mean of the runs' distributions, and \
                      point by point the interval of that mean."
                .to_owned(),
            svg: latency(chat, &batch.report).svg(),
        });
        figures.push(Figure {
            id: format!("{name}-coverage"),
            title: format!("Coverage of {name}"),
            caption: "Share of all (post, other member) pairs in which the member had been shown the post at this age: the mean \
                      over runs and its interval."
                .to_owned(),
            svg: Cdf {
                title: format!("Coverage of {name} since a post was said"),
                quantity: "Time since a post was said".to_owned(),
                unit: Unit::Seconds,
                shares: Shares::Members,
                curves: vec![curve(&runs(batch), &chat.coverage)],
                scale: Scale::Auto,
                quantiles: false,
                target: None,
            }
            .svg(),
        });
    }
    for RolloutCurve { name, installed } in &curves.updates {
        figures.push(Figure {
            id: format!("{name}-coverage"),
            title: format!("Rollout of {name}"),
            caption: "Share of all (release, peer that is to have it) pairs in which the peer had installed the release at this \
                      age: the mean over runs and its interval."
                .to_owned(),
            svg: Cdf {
                title: format!("Rollout of {name} since the release"),
                quantity: "Time since the release".to_owned(),
                unit: Unit::Seconds,
                shares: Shares::Peers,
                curves: vec![curve(&runs(batch), installed)],
                scale: Scale::Auto,
                quantiles: false,
                target: None,
            }
            .svg(),
        });
    }
    figures.push(Figure {
        id: "throughput".to_owned(),
        title: "Traffic over time".to_owned(),
        caption: "What reached the machines of all peers, in the mean over runs. Shaded: faults.".to_owned(),
        svg: throughput(batch).svg(),
    });
    figures
}

fn runs(batch: &Batch) -> String {
    format!("mean of {} runs", batch.runs.len())
}

fn latency(chat: &ChatCurves, report: &Replicates) -> Cdf {
    let metric = format!("{}.delivery.latency", chat.name);
    let quantile = |bound| matches!(bound, Bound::P50 | Bound::P95 | Bound::P99);
    let target = report.targets.iter().find(|target| target.metric == metric && quantile(target.bound));
    Cdf {
        title: format!("Delivery latency of {} over {} runs", chat.name, report.seeds.len()),
        quantity: "Time from post to showing".to_owned(),
        unit: Unit::Seconds,
        shares: Shares::Samples,
        curves: vec![curve("mean", &chat.latency)],
        scale: Scale::Auto,
        quantiles: true,
        target: target.map(|target| Target {
            at: target.limit,
            label: format!("target: {} ≤ {}", target.bound.name(), Unit::Seconds.show(target.limit)),
        }),
    }
}

/// Of one interval, what is counted.
type Count = fn(&Interval) -> u64;

/// The mean of a count over runs, by interval.
fn mean_counts(batch: &Batch, count: Count) -> Band {
    let longest = batch.runs.iter().map(|run| run.series.len()).max().unwrap_or(0);
    let at = |place: usize| {
        let counts = batch.runs.iter().filter_map(|run| run.series.get(place)).map(|one| count(one) as f64);
        let start = place as f64 * batch.runs.first()?.interval.as_secs_f64();
        point(start, &counts.collect::<Vec<_>>())
    };
    (0..longest).filter_map(at).collect()
}

fn throughput(batch: &Batch) -> Throughput {
    let first = &batch.runs[0];
    let seconds = first.interval.as_secs_f64();
    let whole = (first.end.0 / first.interval.0.max(1)) as usize;
    let rate = |label: &str, unit, count: Count, each: f64| {
        let counts = mean_counts(batch, count);
        let points = counts.iter().take(whole);
        let points = points.map(|point| (point.x + seconds / 2.0, point.mean * each / seconds)).collect();
        Rate { label: label.to_owned(), unit, points }
    };
    let mut rates = vec![
        rate("items", RateUnit::Bits, |interval| interval.payload, 8.0),
        rate("control", RateUnit::Bits, |interval| interval.control, 8.0),
    ];
    // Where nobody posts, nothing is shown.
    if !first.chats.is_empty() {
        rates.push(rate("posts shown", RateUnit::Deliveries, |interval| interval.shown, 1.0));
    }
    let faults = first.report.scenario.faults.iter().map(|fault| FaultSpan {
        label: fault.name.clone(),
        from: fault.at,
        until: fault.until.unwrap_or(f64::INFINITY),
    });
    Throughput {
        title: format!("Traffic over virtual time, mean of {} runs", batch.runs.len()),
        rates,
        faults: faults.collect(),
    }
}

/// The numbers behind the charts.
#[must_use]
pub fn series(batch: &Batch, curves: &Curves) -> Vec<Series> {
    let rows =
        |band: &Band| band.iter().map(|point| vec![point.x, point.mean, point.low, point.high]).collect();
    let mut list = Vec::new();
    for chat in &curves.chats {
        list.push(Series {
            name: format!("{}-latency", chat.name),
            columns: vec!["seconds", "share_at_or_below", "low", "high"],
            rows: rows(&chat.latency),
        });
        list.push(Series {
            name: format!("{}-coverage", chat.name),
            columns: vec!["seconds_since_post", "share_of_members_reached", "low", "high"],
            rows: rows(&chat.coverage),
        });
    }
    list.extend(curves.updates.iter().map(|update| Series {
        name: format!("{}-coverage", update.name),
        columns: vec!["seconds_since_release", "share_of_peers_reached", "low", "high"],
        rows: rows(&update.installed),
    }));
    let counts: [(&str, Count); 3] = [
        ("item_bytes", |interval| interval.payload),
        ("control_bytes", |interval| interval.control),
        ("posts_shown", |interval| interval.shown),
    ];
    for (name, count) in counts {
        list.push(Series {
            name: name.replace('_', "-"),
            columns: vec!["from_seconds", "mean", "low", "high"],
            rows: rows(&mean_counts(batch, count)),
        });
    }
    list
}
