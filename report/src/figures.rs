//! Which charts a report has, and the series behind them.

mod lookups;
mod update;

use peerlab_scenarios::{
    plan::Plan,
    report::{Bound, ChatRecorder, Histogram, Report},
    units::Nanos,
};

use crate::{
    Outcome,
    charts::{
        BytesPerPeer, Cdf, Coverage, Curve, Direction, Duplicates, Interval, OverlayMap, Rate, RateUnit,
        Region, Scale, Shares, Spreading, Target, Throughput,
    },
    html::Figure,
    quantity::Unit,
    record::Recorder,
};

/// Steps of a quantile curve: more than the eye tells apart.
const CURVE_STEPS: u32 = 400;

/// A table of numbers for other programs: a header and rows.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// The file's name, without its ending.
    pub name: String,
    /// Names of the columns, with units.
    pub columns: Vec<&'static str>,
    /// The rows.
    pub rows: Vec<Vec<f64>>,
}

/// The charts of a run, in the order of the page.
pub fn figures(plan: &Plan, outcome: &Outcome, recorder: &Recorder, report: &Report) -> Vec<Figure> {
    let mut figures = Vec::new();
    for (name, chat) in recorder.chats(plan) {
        figures.push(Figure {
            id: format!("{name}-latency"),
            title: format!("Delivery latency of {name}"),
            caption: "From a post being said to its being shown to a member, in order. The second curve leaves out what was \
                      fetched later by members that had missed it."
                .to_owned(),
            svg: latency(name, chat, report).svg(),
        });
        figures.push(Figure {
            id: format!("{name}-coverage"),
            title: format!("Coverage of {name}"),
            caption: format!(
                "Share of all (post, other member) pairs in which the member had been shown the post at this age. T50, T95 and \
                 T100 are of all pairs together, where {name}.coverage.* are of each post by itself. Members that are offline \
                 count, so under churn the curve reaches 100 % only when all have returned."
            ),
            svg: coverage(name, chat).svg(),
        });
    }
    figures.extend(update::figures(plan, recorder));
    figures.extend(lookups::figures(plan, recorder));
    figures.push(Figure {
        id: "throughput".to_owned(),
        title: "Traffic over time".to_owned(),
        caption: format!(
            "What reached the machines of all peers: items and control messages, and the posts that were shown, if any.{}",
            if plan.faults.is_empty() { "" } else { " Shaded: faults." }
        ),
        svg: throughput(plan, outcome, recorder).svg(),
    });
    figures.push(Figure {
        id: "bytes".to_owned(),
        title: "Bytes by peer".to_owned(),
        caption: "Bytes through each peer's link since the warm-up, packet overhead included, peers in order of each.".to_owned(),
        svg: bytes(outcome).svg(),
    });
    figures.push(Figure {
        id: "duplicates".to_owned(),
        title: "Duplicates".to_owned(),
        caption: format!(
            "Copies of an item that came to a peer after the first, item by item, at {} of {} peers: of items made since the \
             warm-up, with a peer's own items that came back to it. overlay.duplicates and overlay.redundancy count all that came \
             since the warm-up instead: late copies of earlier items too, and of an own item every copy as a duplicate.",
            recorder.copy_count.sampled_peers(),
            plan.peers.len()
        ),
        svg: Duplicates {
            title: "Copies of an item beyond the first".to_owned(),
            items: recorder.copy_count.duplicates(),
        }
        .svg(),
    });
    figures.push(Figure {
        id: "overlay".to_owned(),
        title: "The overlay on its regions".to_owned(),
        caption: "Peers by region, and the connections between them that stood at the end of the run: those of the topology, \
                  and those that the overlay made. Who was away then had none."
            .to_owned(),
        svg: overlay(plan, outcome).svg(),
    });
    figures
}

fn latency(name: &str, chat: &ChatRecorder, report: &Report) -> Cdf {
    let curve = |label: &str, histogram| Curve::new(label, quantile_curve(histogram));
    let curves =
        vec![curve("all", chat.delivery()), curve("by the overlay alone", chat.delivery_by_overlay())];
    let metric = format!("{name}.delivery.latency");
    let quantile = |bound| matches!(bound, Bound::P50 | Bound::P95 | Bound::P99);
    let target = report.targets.iter().find(|target| target.metric == metric && quantile(target.bound));
    Cdf {
        title: format!("Delivery latency of {name}"),
        quantity: "Time from post to showing".to_owned(),
        unit: Unit::Seconds,
        shares: Shares::Samples,
        curves,
        scale: Scale::Auto,
        quantiles: true,
        target: target.map(|target| Target {
            at: target.limit,
            label: format!("target: {} ≤ {}", target.bound.name(), Unit::Seconds.show(target.limit)),
        }),
    }
}

/// Points (seconds, share of the values at or below) of a histogram of nanoseconds.
fn quantile_curve(histogram: &Histogram) -> Vec<(f64, f64)> {
    if histogram.is_empty() {
        return Vec::new();
    }
    let at = |step: u32| {
        let share = f64::from(step) / f64::from(CURVE_STEPS);
        (histogram.quantile(share) as f64 / 1e9, share)
    };
    let lowest = (histogram.min() as f64 / 1e9, 0.0);
    std::iter::once(lowest).chain((1..=CURVE_STEPS).map(at)).collect()
}

fn coverage(name: &str, chat: &ChatRecorder) -> Coverage {
    Coverage {
        title: format!("Coverage of {name} since a post was said"),
        shares: coverage_curve(chat),
        band: Vec::new(),
        scale: Scale::Auto,
        of: Spreading::Posts,
    }
}

/// Points (seconds since a post was said, share of all pairs reached), at the ages at which showings happened.
fn coverage_curve(chat: &ChatRecorder) -> Vec<(f64, f64)> {
    spread(chat.delivery(), |age| chat.coverage(age))
}

/// Points (seconds, share reached at that age), at the ages that a histogram holds.
fn spread(ages: &Histogram, share_at: impl Fn(Nanos) -> f64) -> Vec<(f64, f64)> {
    if ages.is_empty() {
        return Vec::new();
    }
    let age = |step: u32| Nanos(ages.quantile(f64::from(step) / f64::from(CURVE_STEPS)));
    let mut steps: Vec<Nanos> = (1..=CURVE_STEPS).map(age).collect();
    steps.dedup();
    std::iter::once((0.0, 0.0))
        .chain(steps.into_iter().map(|age| (age.as_secs_f64(), share_at(age))))
        .collect()
}

fn throughput(plan: &Plan, outcome: &Outcome, recorder: &Recorder) -> Throughput {
    let seconds = recorder.interval.as_secs_f64();
    let end = plan.spec.duration.saturating_add(plan.spec.cool_down);
    let whole = (end.0 / recorder.interval.0) as usize;
    let rate = |label: &str, unit, count: fn(&crate::record::Interval) -> f64| {
        let middle = |number: usize| (number as f64 + 0.5) * seconds;
        let points = recorder.series.iter().take(whole).enumerate();
        let points = points.map(|(number, interval)| (middle(number), count(interval) / seconds)).collect();
        Rate { label: label.to_owned(), unit, points }
    };
    // Where nobody posts, nothing is shown.
    let chats = recorder.chats(plan).next().is_some();
    let shown = chats.then(|| rate("posts shown", RateUnit::Deliveries, |interval| interval.shown as f64));
    Throughput {
        title: format!("Traffic over {}", outcome.engine.time()),
        rates: [
            rate("items", RateUnit::Bits, |interval| interval.payload as f64 * 8.0),
            rate("control", RateUnit::Bits, |interval| interval.control as f64 * 8.0),
        ]
        .into_iter()
        .chain(shown)
        .collect(),
        faults: faults(plan),
    }
}

/// The faults of a plan, to be shaded.
fn faults(plan: &Plan) -> Vec<Interval> {
    let end = plan.spec.duration.saturating_add(plan.spec.cool_down);
    let fault = |fault: &peerlab_scenarios::plan::FaultPlan| Interval {
        label: fault.name.clone(),
        from: fault.at.as_secs_f64(),
        until: fault.until.min(end).as_secs_f64(),
    };
    plan.faults.iter().map(fault).collect()
}

fn bytes(outcome: &Outcome) -> BytesPerPeer {
    let side = |label: &str, side: fn(&(u64, u64)) -> u64| Direction {
        label: label.to_owned(),
        bytes: outcome.bytes.iter().map(|bytes| side(bytes) as f64).collect(),
    };
    BytesPerPeer {
        title: "Bytes through each peer's link".to_owned(),
        directions: vec![side("sent", |(sent, _)| *sent), side("received", |(_, received)| *received)],
        scale: Scale::Auto,
    }
}

/// The plan's graph on its regions.
#[must_use]
pub fn map(plan: &Plan) -> OverlayMap {
    let regions =
        plan.regions.list().iter().map(|region| Region { name: region.name.clone(), place: region.place });
    OverlayMap {
        title: format!("Topology of {}", plan.name),
        regions: regions.collect(),
        region_of: plan.peers.iter().map(|peer| plan.peers.region(peer)).collect(),
        edges: plan.graph.links().map(|[a, b]| (a, b)).collect(),
        away: Vec::new(),
        note: String::new(),
    }
}

/// The connections that a run ended with, on the regions.
fn overlay(plan: &Plan, outcome: &Outcome) -> OverlayMap {
    OverlayMap {
        title: format!("Overlay of {}", plan.name),
        edges: outcome.connections.iter().map(|(a, b)| (a.0, b.0)).collect(),
        away: outcome.online.iter().map(|online| !online).collect(),
        note: "the connections that stood at the end".to_owned(),
        ..map(plan)
    }
}

/// The numbers behind the charts.
pub fn series(plan: &Plan, outcome: &Outcome, recorder: &Recorder) -> Vec<Series> {
    let mut list = Vec::new();
    for (name, chat) in recorder.chats(plan) {
        let pairs = |points: Vec<(f64, f64)>| points.into_iter().map(|(x, y)| vec![x, y]).collect();
        list.push(Series {
            name: format!("{name}-latency"),
            columns: vec!["seconds", "share_at_or_below"],
            rows: pairs(quantile_curve(chat.delivery())),
        });
        list.push(Series {
            name: format!("{name}-coverage"),
            columns: vec!["seconds_since_post", "share_of_members_reached"],
            rows: pairs(coverage_curve(chat)),
        });
    }
    list.extend(update::series(plan, recorder));
    list.extend(lookups::series(plan, recorder));
    let interval = recorder.interval.as_secs_f64();
    let row = |(number, interval_of): (usize, &crate::record::Interval)| {
        let at = number as f64 * interval;
        vec![at, interval_of.payload as f64, interval_of.control as f64, interval_of.shown as f64]
    };
    list.push(Series {
        name: "throughput".to_owned(),
        columns: vec!["from_seconds", "item_bytes", "control_bytes", "posts_shown"],
        rows: recorder.series.iter().enumerate().map(row).collect(),
    });
    let peers = outcome.bytes.iter().zip(&recorder.copies).enumerate();
    let row = |(peer, (&(sent, received), copies)): (usize, (&(u64, u64), &crate::record::Copies))| {
        let passed_on = outcome.reached.as_ref().and_then(|reached| {
            reached.traversals.passed_on.get(&peerlab_scenarios::host::Peer(peer as u32))
        });
        let relayed = passed_on.copied().unwrap_or_default();
        let counts = [sent, received, copies.first, copies.duplicate, copies.tainted, relayed];
        std::iter::once(peer as f64).chain(counts.map(|count| count as f64)).collect()
    };
    list.push(Series {
        name: "peers".to_owned(),
        columns: vec![
            "peer",
            "sent_bytes",
            "received_bytes",
            "items",
            "duplicates",
            "refused",
            "relayed_bytes",
        ],
        rows: peers.map(row).collect(),
    });
    list.push(Series {
        name: "connections".to_owned(),
        columns: vec!["a", "b"],
        rows: outcome.connections.iter().map(|(a, b)| vec![f64::from(a.0), f64::from(b.0)]).collect(),
    });
    let row = |(duplicates, items)| vec![duplicates as f64, items as f64];
    list.push(Series {
        name: "duplicates".to_owned(),
        columns: vec!["duplicates", "items"],
        rows: recorder.copy_count.duplicates().into_iter().map(row).collect(),
    });
    list
}
