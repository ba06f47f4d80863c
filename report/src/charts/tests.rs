//! What must hold for every chart, whatever it is given.

use proptest::prelude::*;
use resvg::usvg::{Options, Tree};

use super::*;
use crate::quantity::Unit;

fn cdf(points: &[(f64, f64)], target: Option<f64>) -> String {
    Cdf {
        title: "Delivery latency".into(),
        quantity: "Latency".into(),
        unit: Unit::Seconds,
        shares: Shares::Samples,
        curves: vec![
            Curve {
                band: points.iter().map(|(x, y)| (*x, y * 0.9, *y)).collect(),
                ..Curve::new("one", points.to_vec())
            },
            Curve::new("two", points.to_vec()),
        ],
        scale: Scale::Auto,
        quantiles: true,
        target: target.map(|at| Target { at, label: "target".into() }),
    }
    .svg()
}

fn coverage(points: &[(f64, f64)], scale: Scale) -> String {
    let band = points.iter().map(|(x, y)| (*x, y * 0.9, *y)).collect();
    Coverage { title: "Coverage".into(), shares: points.to_vec(), band, scale, ..Coverage::default() }.svg()
}

fn throughput(points: &[(f64, f64)]) -> String {
    let rate = |label: &str, unit| Rate { label: label.into(), unit, points: points.to_vec() };
    let fault = |from, until| Interval { label: "a long name of a fault".into(), from, until };
    let end = points.last().map_or(0.0, |(x, _)| *x);
    Throughput {
        title: "Throughput".into(),
        rates: vec![rate("payload", RateUnit::Bits), rate("deliveries", RateUnit::Deliveries)],
        faults: vec![fault(0.0, f64::INFINITY), fault(end / 2.0, end), fault(end, end), fault(f64::NAN, end)],
    }
    .svg()
}

fn bytes(bytes: &[f64], scale: Scale) -> String {
    let direction = |label: &str| Direction { label: label.into(), bytes: bytes.to_vec() };
    let directions = vec![direction("sent"), direction("received")];
    BytesPerPeer { title: "Bytes".into(), directions, scale }.svg()
}

fn duplicates(items: &[(u64, u64)]) -> String {
    Duplicates { title: "Duplicates".into(), items: items.to_vec() }.svg()
}

fn overlay(peers: usize, regions: &[(f64, f64)], edges: &[(u32, u32)]) -> String {
    OverlayMap {
        title: "Overlay".into(),
        regions: regions
            .iter()
            .map(|place| Region { name: "a region with a rather long name".into(), place: Some(*place) })
            .collect(),
        // One index is out of range.
        region_of: (0..peers).map(|peer| peer % (regions.len() + 1)).collect(),
        edges: edges.to_vec(),
        away: (0..peers).map(|peer| peer % 3 == 0).collect(),
        note: "as they were".into(),
    }
    .svg()
}

fn graph(peers: usize, edges: &[(u32, u32)]) -> String {
    GraphDrawing { title: "Graph".into(), peers, edges: edges.to_vec() }.svg()
}

fn ratios(points: &[(f64, f64)]) -> String {
    let ratio = |at: f64, spread: f64| Ratio {
        at: at.abs(),
        low: at - spread,
        high: at + spread,
        significant: at > spread,
    };
    let row = |(at, spread): &(f64, f64)| RatioRow {
        label: "a measure with a name that is rather long.p99".into(),
        ratios: vec![Some(ratio(*at, *spread)), None, Some(ratio(*spread, *at))],
    };
    Ratios {
        title: "Ratios".into(),
        baseline: "ring".into(),
        designs: ["one", "two", "three"].map(ToOwned::to_owned).to_vec(),
        rows: points.iter().map(row).collect(),
    }
    .svg()
}

fn degrees(counts: &[(u64, u64)]) -> String {
    // Far apart they are as many bars as near one another.
    let counts: Vec<_> = counts.iter().map(|&(degree, count)| (degree % 5_000, count % 1_000)).collect();
    let runs =
        ["model", "virtual", "a run with a rather long name"].map(|name| (name.into(), counts.clone()));
    Degrees { title: "Degrees".into(), of: "Peers".into(), runs: runs.to_vec() }.svg()
}

/// Every chart of the same few numbers.
fn all(points: &[(f64, f64)]) -> Vec<String> {
    let values: Vec<_> = points.iter().map(|(x, _)| *x).collect();
    let counts: Vec<_> = points.iter().map(|(x, y)| (*x as u64, *y as u64)).collect();
    vec![
        cdf(points, values.first().copied()),
        coverage(points, Scale::Linear),
        coverage(points, Scale::Log),
        throughput(points),
        bytes(&values, Scale::Linear),
        bytes(&values, Scale::Log),
        duplicates(&counts),
        degrees(&counts),
        ratios(points),
        overlay(points.len(), points, &[(0, 1), (1, 2), (7, 7)]),
        graph(points.len(), &[(0, 1), (1, 2), (7, 7)]),
    ]
}

/// Parses as SVG, holds nothing but numbers where numbers belong, and lies within its sheet, labels and all.
fn assert_sound(svg: &str) {
    assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
    assert!(!svg.contains(" id="), "an id would collide with that of another figure on the page");
    let fonts = picture::fonts();
    let tree =
        Tree::from_str(svg, &Options { fontdb: fonts, ..Options::default() }).expect("an SVG document");
    let drawn = tree.root().abs_bounding_box();
    let sheet = tree.size();
    assert!(drawn.left() >= 0.0 && drawn.top() >= 0.0, "cut off: {drawn:?}");
    assert!(drawn.right() <= sheet.width() && drawn.bottom() <= sheet.height(), "cut off: {drawn:?}");
}

#[test]
fn a_chart_without_data_says_so() {
    for svg in all(&[]) {
        assert!(svg.contains(">No data</text>"), "{svg}");
        assert_sound(&svg);
    }
}

#[test]
fn what_is_not_finite_is_left_out() {
    let points = [(f64::NAN, 0.5), (0.5, f64::INFINITY), (f64::NEG_INFINITY, f64::NAN)];
    assert!(cdf(&points, Some(f64::NAN)).contains(">No data</text>"));
    for svg in all(&points) {
        assert_sound(&svg);
    }
}

#[test]
fn a_target_alone_is_no_data() {
    assert!(cdf(&[], Some(1.0)).contains(">No data</text>"));
}

#[test]
fn one_point_and_one_place_for_all_are_drawn() {
    for points in [vec![(0.0, 0.0)], vec![(0.25, 1.0)], vec![(3.0, 0.5); 3]] {
        for svg in all(&points) {
            assert_sound(&svg);
        }
    }
}

#[test]
fn the_same_data_gives_the_same_bytes() {
    let points: Vec<_> = (0..50).map(|i| (f64::from(i) * 0.013, f64::from(i) / 49.0)).collect();
    assert_eq!(all(&points), all(&points));
}

#[test]
fn markup_in_a_name_stays_text() {
    let svg = Coverage { title: "<script>&\"'\u{1}".into(), ..Coverage::default() }.svg();
    assert!(svg.contains("&lt;script&gt;&amp;") && !svg.contains("<script"));
    assert_sound(&svg);
}

#[test]
fn a_mark_names_the_first_point_that_reaches_its_share() {
    let svg = coverage(&[(0.0, 0.1), (0.1, 0.4), (0.2, 0.6), (0.3, 0.97)], Scale::Linear);
    assert!(svg.contains(">T50 200 ms<") && svg.contains(">T95 300 ms<"), "{svg}");
    assert!(!svg.contains(">T100 "), "the curve does not reach all pairs");
}

#[test]
fn a_sheet_grows_with_its_legend() {
    let curves = (0..40)
        .map(|i| Curve::new(format!("a long name of series {i} ").repeat(9), vec![(0.1, 0.5), (0.2, 1.0)]));
    let svg = Cdf {
        title: "A title that is much too long for its line. ".repeat(9),
        quantity: "Latency".into(),
        unit: Unit::Seconds,
        shares: Shares::Samples,
        curves: curves.collect(),
        scale: Scale::Auto,
        quantiles: true,
        target: Some(Target { at: 0.2, label: "target: p95 ≤ 200 ms".into() }),
    }
    .svg();
    assert!(svg.contains(r#"viewBox="0 0 760 1220""#), "39 rows more than the usual two, of 20 pixels each");
    assert_sound(&svg);
}

#[test]
fn a_million_peers_make_no_larger_a_chart_than_a_thousand() {
    let many: Vec<_> = (0..1_000_000).map(f64::from).collect();
    assert!(bytes(&many, Scale::Auto).len() < 2 * bytes(&many[..1_000], Scale::Auto).len());
}

#[test]
fn a_large_graph_is_sampled_and_says_so() {
    let edges: Vec<_> = (0..20_000).map(|i| (i, (i * 7 + 1) % 20_000)).collect();
    for svg in [graph(20_000, &edges), overlay(20_000, &[(0.0, 0.0), (50.0, 9.0)], &edges)] {
        assert!(svg.contains("(4,000 drawn)") && svg.contains("(3,000 drawn)"));
        assert!(svg.matches("<path").count() < 4_100);
        assert_sound(&svg);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn every_chart_of_any_numbers_is_sound(points in prop::collection::vec((prop::num::f64::ANY, -0.5_f64..1.5), 1..12)) {
        for svg in all(&points) {
            assert_sound(&svg);
        }
    }

    #[test]
    fn every_chart_of_usual_numbers_is_sound(
        scale in prop::sample::select(vec![1e-9, 1e-3, 1.0, 60.0, 86_400.0, 1e12, 1e300]),
        points in prop::collection::vec((0.0_f64..1.0, 0.0_f64..1.0), 1..30),
    ) {
        let points: Vec<_> = points.into_iter().map(|(x, y)| (x * scale, y)).collect();
        for svg in all(&points) {
            assert_sound(&svg);
        }
    }
}
