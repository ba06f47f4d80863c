//! Writes every chart with synthetic data, as SVG and PNG, and a report page, into the folder given as argument.

use std::fs;
use std::path::PathBuf;

use anyhow::Context as _;
use peerlab_report::charts::{
    self, BytesPerPeer, Cdf, Coverage, Curve, Degrees, Direction, Duplicates, GraphDrawing,
};
use peerlab_report::charts::{
    Interval, OverlayMap, Rate, RateUnit, Region, Scale, Shares, Target, Throughput,
};
use peerlab_report::html::{
    self, FaultRow, Figure, InvariantRow, MetricRow, Page, TargetRow, Validity, Verdict,
};
use peerlab_report::quantity::Unit;

fn main() -> anyhow::Result<()> {
    let folder = PathBuf::from(std::env::args().nth(1).context("usage: gallery FOLDER")?);
    fs::create_dir_all(&folder)?;
    for (name, svg) in gallery() {
        fs::write(folder.join(format!("{name}.svg")), &svg)?;
        fs::write(folder.join(format!("{name}.png")), charts::png(&svg, 2.0)?)?;
    }
    fs::write(folder.join("report.html"), html::page(&report()))?;
    Ok(())
}

fn gallery() -> Vec<(&'static str, String)> {
    vec![
        ("cdf-one", latency(Scale::Auto, &[("chat", 0.09, 0.45)]).svg()),
        (
            "cdf-three",
            latency(Scale::Auto, &[("flooding", 0.09, 0.4), ("Plumtree", 0.13, 0.5), ("star", 0.11, 0.2)])
                .svg(),
        ),
        (
            "cdf-long-tail",
            latency(Scale::Auto, &[("connected", 0.09, 0.5), ("returning after churn", 0.2, 1.9)]).svg(),
        ),
        ("coverage", coverage(1.0).svg()),
        ("coverage-incomplete", coverage(0.93).svg()),
        ("throughput", throughput().svg()),
        ("bytes-ten-peers", bytes(10).svg()),
        ("bytes-million-peers", bytes(1_000_000).svg()),
        ("duplicates", duplicates(7).svg()),
        ("duplicates-many", duplicates(300).svg()),
        ("degrees", degrees(&[(8, 1.6), (8, 2.1)]).svg()),
        ("degrees-three", degrees(&[(40, 9.0), (44, 9.0), (47, 12.0)]).svg()),
        ("overlay-map", overlay(1_000, true).svg()),
        ("overlay-circle", overlay(60, false).svg()),
        ("overlay-large", overlay(100_000, true).svg()),
        ("graph-small-world", small_world(60, "Watts–Strogatz, 60 peers").svg()),
        ("graph-tree", tree(120).svg()),
        ("graph-large", small_world(5_000, "Watts–Strogatz, 5,000 peers").svg()),
        ("empty", Coverage { title: "Coverage".into(), ..Coverage::default() }.svg()),
    ]
}

/// A small generator, so that the gallery needs no crate: SplitMix64 (Steele et al., 2014).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn below(&mut self, n: usize) -> usize {
        (self.unit() * n as f64) as usize
    }

    /// Log-normal, by the Box–Muller transform.
    fn log_normal(&mut self, median: f64, sigma: f64) -> f64 {
        let normal = (-2.0 * (1.0 - self.unit()).ln()).sqrt() * (std::f64::consts::TAU * self.unit()).cos();
        median * (sigma * normal).exp()
    }
}

fn latency(scale: Scale, series: &[(&str, f64, f64)]) -> Cdf {
    let mut random = Random(7);
    let curves = series
        .iter()
        .map(|(label, median, sigma)| {
            let mut samples: Vec<_> = (0..2_000).map(|_| random.log_normal(*median, *sigma)).collect();
            samples.sort_by(f64::total_cmp);
            let n = samples.len() as f64;
            Curve::new(*label, samples.iter().enumerate().map(|(i, x)| (*x, (i + 1) as f64 / n)).collect())
        })
        .collect();
    Cdf {
        title: "Delivery latency".into(),
        quantity: "Latency".into(),
        unit: Unit::Seconds,
        shares: Shares::Samples,
        curves,
        scale,
        quantiles: true,
        target: Some(Target { at: 0.25, label: "target: p95 ≤ 250 ms".into() }),
    }
}

fn coverage(reach: f64) -> Coverage {
    let logistic = |t: f64, middle: f64| 1.0 / (1.0 + (-(t - middle) * 28.0).exp());
    let at = |t: f64, middle: f64| if t >= 0.6 { reach } else { (logistic(t, middle) * reach).min(reach) };
    let times = || (0..=140).map(|i| f64::from(i) * 0.005);
    Coverage {
        title: "Coverage since publication".into(),
        shares: times().map(|t| (t, at(t, 0.17))).collect(),
        band: times().map(|t| (t, at(t, 0.24) * 0.98, at(t, 0.11))).collect(),
        ..Coverage::default()
    }
}

fn throughput() -> Throughput {
    let mut random = Random(3);
    let mut series = |mean: f64, dip: f64| -> Vec<(f64, f64)> {
        (0..=600)
            .map(|t| {
                let faulty = (200..260).contains(&t) || (400..430).contains(&t);
                (f64::from(t), mean * if faulty { dip } else { 1.0 } * (0.85 + 0.3 * random.unit()))
            })
            .collect()
    };
    Throughput {
        title: "Throughput".into(),
        rates: vec![
            Rate { label: "payload".into(), unit: RateUnit::Bits, points: series(8.4e6, 0.5) },
            Rate { label: "control".into(), unit: RateUnit::Bits, points: series(1.9e6, 1.4) },
            Rate { label: "deliveries".into(), unit: RateUnit::Deliveries, points: series(960.0, 0.45) },
        ],
        faults: vec![
            Interval { label: "partition: eu-west | us-east".into(), from: 200.0, until: 260.0 },
            Interval { label: "outage: 10 % of peers".into(), from: 250.0, until: 290.0 },
            Interval { label: "loss 20 %".into(), from: 400.0, until: 430.0 },
        ],
    }
}

fn bytes(peers: usize) -> BytesPerPeer {
    let mut random = Random(11);
    let mut of = |median: f64, sigma: f64| (0..peers).map(|_| random.log_normal(median, sigma)).collect();
    BytesPerPeer {
        title: "Bytes by direction per peer".into(),
        directions: vec![
            Direction { label: "sent".into(), bytes: of(1.2e6, 0.55) },
            Direction { label: "received".into(), bytes: of(1.3e6, 0.2) },
        ],
        scale: Scale::Auto,
    }
}

/// Degrees of runs around a mean, with a deviation, as bells.
fn degrees(runs: &[(u64, f64)]) -> Degrees {
    let run = |(number, (mean, deviation)): (usize, &(u64, f64))| {
        let height = |degree: u64| {
            let off = (degree as f64 - *mean as f64) / deviation;
            (1_000.0 * (-off * off / 2.0).exp()) as u64
        };
        let counts = (0..2 * mean + 4).map(|degree| (degree, height(degree))).collect();
        (["model", "virtual", "live"][number].to_owned(), counts)
    };
    Degrees {
        title: "Connections of a peer at the end".into(),
        of: "Peers".into(),
        runs: runs.iter().enumerate().map(run).collect(),
    }
}

fn duplicates(most: u64) -> Duplicates {
    let share = |k: u64| (-(k as f64 - most as f64 * 0.4).powi(2) / (most as f64 * 0.9)).exp();
    Duplicates {
        title: "Copies of an item beyond the first".into(),
        items: (0..=most).map(|k| (k, (1e6 * share(k)) as u64)).collect(),
    }
}

fn overlay(peers: usize, placed: bool) -> OverlayMap {
    const REGIONS: [(&str, f64, f64, f64); 7] = [
        ("us-east-1", -77.5, 39.0, 0.26),
        ("us-west-2", -121.3, 45.9, 0.14),
        ("eu-west-1", -6.3, 53.3, 0.22),
        ("eu-central-1", 8.7, 50.1, 0.16),
        ("ap-northeast-1", 139.7, 35.7, 0.12),
        ("ap-southeast-2", 151.2, -33.9, 0.04),
        ("sa-east-1", -46.6, -23.5, 0.06),
    ];
    let mut random = Random(5);
    let region_of: Vec<_> = (0..peers)
        .map(|_| {
            let mut left = random.unit();
            REGIONS
                .iter()
                .position(|region| {
                    left -= region.3;
                    left < 0.0
                })
                .unwrap_or(0)
        })
        .collect();
    let mut edges = Vec::new();
    while edges.len() < peers * 4 {
        let (a, b) = (random.below(peers), random.below(peers));
        if region_of[a] == region_of[b] || random.unit() < 0.25 {
            edges.push((a as u32, b as u32));
        }
    }
    OverlayMap {
        title: "The overlay on its regions".into(),
        regions: REGIONS
            .iter()
            .map(|(name, lon, lat, _)| Region { name: (*name).into(), place: placed.then_some((*lon, *lat)) })
            .collect(),
        region_of,
        edges,
        away: (0..peers).map(|peer| peer % 9 == 0).collect(),
        note: String::new(),
    }
}

fn small_world(peers: u32, title: &str) -> GraphDrawing {
    let mut random = Random(9);
    let mut edges = Vec::new();
    for i in 0..peers {
        for reach in 1..=2 {
            let other =
                if random.unit() < 0.1 { random.below(peers as usize) as u32 } else { (i + reach) % peers };
            edges.push((i, other));
        }
    }
    GraphDrawing { title: title.into(), peers: peers as usize, edges }
}

fn tree(peers: u32) -> GraphDrawing {
    let edges = (1..peers).map(|i| ((i - 1) / 3, i)).collect();
    GraphDrawing { title: "Balanced tree of arity 3".into(), peers: peers as usize, edges }
}

fn report() -> Page {
    let pairs =
        |pairs: &[(&str, &str)]| pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
    let target = |metric: &str, bound: &str, observed: &str, met| TargetRow {
        metric: metric.into(),
        bound: bound.into(),
        observed: Some(observed.into()),
        met,
    };
    let metric = |name: &str, unit: Unit, n, [mean, p50, p95, p99, max]: [f64; 5]| MetricRow {
        name: name.into(),
        unit,
        n,
        mean: Some(mean),
        p50: Some(p50),
        p95: Some(p95),
        p99: Some(p99),
        max: Some(max),
    };
    let fault = |name: &str, kind: &str, at: &str, lasted: &str, effects| FaultRow {
        name: name.into(),
        kind: kind.into(),
        at: at.into(),
        lasted: lasted.into(),
        effects,
    };
    let invariant =
        |name: &str, detail: &str| InvariantRow { name: name.into(), holds: true, detail: detail.into() };
    let figure = |id: &str, title: &str, caption: &str, svg| Figure {
        id: id.into(),
        title: title.into(),
        caption: caption.into(),
        svg,
    };
    Page {
        title: "chat-through-a-partition".into(),
        description: "Does a room become whole again after a partition, and how long does it take?\n\n1,000 members in \
                      seven regions post at a steady rate. At 3 min 20 s the Atlantic is cut for a minute."
            .into(),
        verdict: Verdict::Missed,
        verdict_detail: "2 of 3 targets met".into(),
        facts: pairs(&[
            ("Engine", "model 0.1.0"),
            ("Seed", "42"),
            ("Peers", "1,000"),
            ("Virtual duration", "10 min"),
            ("Deliveries", "576,000"),
        ]),
        targets: vec![
            target("delivery latency p95", "≤ 250 ms", "188 ms", true),
            target("coverage at the end", "≥ 100 %", "100 %", true),
            target("overhead", "≤ 20 %", "22.6 %", false),
        ],
        metrics: vec![
            metric("delivery latency", Unit::Seconds, 576_000, [0.0994, 0.0897, 0.188, 0.251, 61.3]),
            metric("hops", Unit::Named("hops".into()), 576_000, [3.91, 4.0, 5.0, 6.0, 9.0]),
            metric("duplicates", Unit::Count, 576_000, [2.91, 3.0, 6.0, 7.0, 7.0]),
            metric("bytes sent a peer", Unit::Bytes, 1_000, [1.4e6, 1.2e6, 2.97e6, 4.32e6, 14.8e6]),
            metric("overhead", Unit::Share, 1, [0.226; 5]),
        ],
        invariants: vec![
            invariant("exactly once", "576,000 deliveries, none twice"),
            invariant("conservation", "sent 2,252,160 = delivered 2,213,004 + lost 39,156"),
        ],
        validity: Validity::Valid,
        figures: vec![
            figure("latency", "Delivery latency", "From a post's publication to its arrival at each member.", latency(Scale::Auto, &[("chat", 0.09, 0.45)]).svg()),
            figure("coverage", "Coverage", "Half of the members hold a post after 170 ms, all of them after 600 ms.", coverage(1.0).svg()),
            figure("throughput", "Throughput", "What crossed the network, and what reached its readers.", throughput().svg()),
            figure("bytes", "Bytes by direction per peer", "The busiest peer sends ten times the median.", bytes(1_000).svg()),
            figure("duplicates", "Duplicates", "What redundancy costs.", duplicates(7).svg()),
            figure("overlay", "Overlay", "Who is connected to whom at the start of the run.", overlay(1_000, true).svg()),
        ],
        faults: vec![
            fault("atlantic-cut", "partition", "3 min 20 s", "1 min", 31_204),
            fault("outage", "stop", "4 min 10 s", "40 s", 100),
            fault("lossy", "loss", "6 min 40 s", "30 s", 7_852),
        ],
        provenance: pairs(&[
            ("peerlab", "0.1.0"),
            ("scenario hash", "blake3:af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"),
            ("latency table", "aws-regions, 2024-05"),
            ("host", "2 cores, linux x86_64"),
        ]),
        model: vec![
            "Latency between regions comes from a table of measured medians, with jitter for each message.".into(),
            "Congestion control is not modelled: a link gives each message its capacity in turn.".into(),
        ],
    }
}
