//! The report page: what a reader gets, and what a scenario cannot do to it.

use std::path::Path;

use peerlab_report::charts::Coverage;
use peerlab_report::html::{
    FaultRow, Figure, InvariantRow, MetricRow, Page, TargetRow, Validity, Verdict, page,
};
use peerlab_report::page::page as report_page;
use peerlab_report::quantity::Unit;
use peerlab_scenarios::report::Report;

/// A small page in which every text is `text`, or what `of` makes of it.
fn small(of: impl Fn(&str) -> String) -> Page {
    let pair = |name: &str, value: &str| (of(name), of(value));
    Page {
        title: of("chat-room"),
        description: of("Does every member read every post?\n\nTwo rooms, 100 members."),
        verdict: Verdict::Missed,
        verdict_detail: of("1 of 2 targets met"),
        facts: vec![
            pair("Engine", "model"),
            pair("Seed", "7"),
            pair("Peers", "100"),
            pair("Virtual duration", "10 min"),
        ],
        targets: vec![
            TargetRow {
                metric: of("delivery latency p95"),
                bound: of("≤ 500 ms"),
                observed: Some(of("212 ms")),
                met: true,
            },
            TargetRow { metric: of("coverage"), bound: of("≥ 100 %"), observed: None, met: false },
        ],
        metrics: vec![
            MetricRow {
                name: of("delivery latency"),
                unit: Unit::Seconds,
                n: 123_456,
                mean: Some(0.0912),
                p50: Some(0.0843),
                p95: Some(0.212),
                p99: Some(0.345),
                max: Some(1.25),
            },
            MetricRow {
                name: of("hops"),
                unit: Unit::Named(of("hops")),
                n: 0,
                mean: None,
                p50: None,
                p95: None,
                p99: None,
                max: None,
            },
        ],
        invariants: vec![
            InvariantRow {
                name: of("exactly once"),
                holds: true,
                detail: of("123,456 deliveries, no second"),
            },
            InvariantRow { name: of("conservation"), holds: false, detail: of("sent 5, accounted for 4") },
        ],
        validity: Validity::Degraded(vec![of("clock error above its bound")]),
        figures: vec![
            Figure {
                id: of("coverage"),
                title: of("Coverage"),
                caption: of("No post was published."),
                svg: Coverage { title: of("Coverage"), ..Coverage::default() }.svg(),
            },
            Figure {
                id: of("coverage"),
                title: of("Again"),
                caption: of("The same name."),
                svg: String::new(),
            },
        ],
        faults: vec![FaultRow {
            name: of("cut"),
            kind: of("partition"),
            at: of("2 min"),
            lasted: of("30 s"),
            effects: 1_204,
        }],
        provenance: vec![pair("peerlab", "0.1.0"), pair("scenario hash", "blake3:00ff")],
        model: vec![of("Latency between regions comes from a table."), of("Routers are not modelled.")],
    }
}

#[test]
fn the_page_reads_as_its_golden_file() {
    let html = page(&small(str::to_owned));
    // The style is not the subject here; its changes would only make the golden file noisy.
    let (head, rest) = html.split_once("<style>").expect("a style in the head");
    let (_, body) = rest.split_once("</style>").expect("the end of the style");
    let shown = format!("{head}<style>…</style>{body}");
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/report.html");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&golden, &shown).expect("the golden file can be written");
    }
    let expected = std::fs::read_to_string(&golden).expect("the golden file");
    assert!(shown == expected, "the page changed; look at it, then run with UPDATE_GOLDEN=1:\n{shown}");
}

#[test]
fn no_text_of_a_scenario_becomes_markup() {
    const ATTACK: &str =
        "\"'></td></svg></title></style><script>alert(1)</script><img src=x onerror=alert(1)>&";
    let tame = page(&small(str::to_owned));
    let wild = page(&small(|text| format!("{text}{ATTACK}")));
    for sign in ['<', '>'] {
        assert_eq!(
            wild.matches(sign).count(),
            tame.matches(sign).count(),
            "as many tags as without the attack"
        );
    }
}

#[test]
fn the_page_asks_the_network_for_nothing() {
    let html = page(&small(str::to_owned));
    for reference in ["<script", "<link", "<img", "<iframe", "src=", "href=", "url(", "@import"] {
        assert!(!html.contains(reference), "{reference}");
    }
    // A namespace is a name, not an address.
    assert_eq!(
        html.matches("http").count(),
        html.matches("xmlns=\"http://www.w3.org/2000/svg\"").count() + 1
    );
    assert!(html.contains("http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'"));
}

#[test]
fn no_two_elements_share_an_id() {
    let html = page(&small(str::to_owned));
    assert!(html.contains("id=\"figure-coverage\"") && html.contains("id=\"figure-coverage-2\""));
    let mut ids: Vec<_> = html.split(" id=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    let all = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), all);
}

/// The place of `what` on a page; it is there once at the least.
fn place(html: &str, what: &str) -> usize {
    html.find(what).unwrap_or_else(|| panic!("{what}"))
}

#[test]
fn a_degraded_run_says_so_before_it_tells_of_targets() {
    for verdict in [Verdict::Met, Verdict::Missed, Verdict::NoTargets] {
        let reasons = vec!["interrupted at 10 min 59 s of 3 h 1 min".to_owned(), "late <copies>".to_owned()];
        let html = page(&Page { verdict, validity: Validity::Degraded(reasons), ..small(str::to_owned) });
        let banner = place(&html, "<section class=\"verdict caution\"");
        let degraded = place(&html, "⚠ Degraded: interrupted at 10 min 59 s of 3 h 1 min");
        let other = place(&html, "<li>late &lt;copies&gt;</li>");
        let detail = place(&html, "1 of 2 targets met");
        assert!(banner < degraded && degraded < other && other < detail, "{html}");
        assert!(!html.contains("class=\"verdict good\""), "no green banner over a degraded run");
    }
    let valid = page(&Page { verdict: Verdict::Met, validity: Validity::Valid, ..small(str::to_owned) });
    assert!(valid.contains("class=\"verdict good\"") && !valid.contains("Degraded"));
    let invalid = Validity::Invalid(vec!["law".to_owned()]);
    let html = page(&Page { verdict: Verdict::Invalid, validity: invalid, ..small(str::to_owned) });
    assert!(html.contains("class=\"verdict bad\""));
}

#[test]
fn the_duration_of_an_interrupted_run_is_what_was_run_of_the_whole() {
    let of = |interrupted: Option<f64>| {
        let report = serde_json::json!({
            "schema": "peerlab.dev/report/v1", "engine": "model", "seed": 7, "provenance": null,
            "scenario": {
                "name": "tiny", "description": null, "peers": 3, "edges": 2, "duration": 10_800.0, "warmUp": 0.0,
                "settling": { "at": null, "bias": null }, "coolDown": 60.0, "interrupted": interrupted, "faults": [],
            },
            "validity": { "state": "valid", "reasons": [] },
            "metrics": {}, "targets": [], "invariants": [],
        });
        let report: Report = serde_json::from_value(report).expect("a report");
        let facts = report_page(&report, Vec::new(), &[]).facts;
        facts.into_iter().find(|(name, _)| name == "Duration").expect("it is told").1
    };
    assert_eq!(of(None), "3 h");
    assert_eq!(of(Some(659.0)), "10 min 59 s run of 3 h 1 min");
}

#[test]
fn each_verdict_is_said_in_words() {
    for (verdict, words) in [
        (Verdict::Met, "Targets met"),
        (Verdict::Missed, "Targets missed"),
        (Verdict::NoTargets, "No targets set"),
        (Verdict::Invalid, "Invalid run"),
    ] {
        let html = page(&Page { verdict, ..small(str::to_owned) });
        assert!(html.contains(words), "{words}");
    }
}
