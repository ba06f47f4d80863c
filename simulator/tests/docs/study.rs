//! What the study of topologies shows is what its commands print: made again, with all of its seeds.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use peerlab_report::quantity::fixed;
use serde_json::Value;

use crate::{blocks, root};

/// The columns of the table of designs, as a comparison names what they show.
const COLUMNS: [(&str, &str); 5] = [
    ("room.delivery.latency", "p50"),
    ("room.delivery.latency", "p99"),
    ("network.sent", "mean"),
    ("network.sent", "max"),
    ("overlay.duplicates", "mean"),
];

fn page() -> String {
    fs::read_to_string(root().join("docs/study-which-topology-for-chat.md")).expect("there is a study")
}

/// The rows of the page's table whose head begins like this, cell by cell.
fn table(page: &str, head: &str) -> Vec<Vec<String>> {
    let start = page.find(head).unwrap_or_else(|| panic!("there is no table under {head}"));
    let rows = page[start..].lines().skip(2).take_while(|line| line.starts_with('|'));
    let cells = |row: &str| row.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect();
    rows.map(cells).collect()
}

/// The scenario of a row: `**k-regular**, degree 8` is `chat-over-k-regular`.
fn scenario(row: &str) -> String {
    let name = row.split([',', '(']).next().unwrap_or_default().trim_matches(['*', ' ']);
    format!("chat-over-{}", name.to_lowercase().replace(' ', "-"))
}

/// A number as it is shown, such as `−1,932` or `0.86`, made of what was observed.
fn as_shown(shown: &str, observed: f64) -> String {
    let decimals = shown.split_once('.').map_or(0, |(_, decimals)| decimals.len());
    let sign = match shown.chars().next() {
        Some('+' | '−') if observed < 0.0 => "−",
        Some('+' | '−') => "+",
        _ => "",
    };
    sign.to_owned() + &fixed(observed.abs(), decimals)
}

/// The report that the program writes, begun where the scenarios are.
fn report(arguments: &[&str], out: &Path) -> Value {
    // What an earlier test has left must not be read for what this one makes.
    let _ = fs::remove_dir_all(out);
    let done = Command::new(env!("CARGO_BIN_EXE_peerlab-sim"))
        .args(arguments)
        .args(["--quiet", "--force", "--out"])
        .arg(out)
        .current_dir(root().join("scenarios"))
        .output()
        .expect("it can be started");
    // Copies with a fault in them miss their targets.
    assert!(matches!(done.status.code(), Some(0 | 1)), "{}", String::from_utf8_lossy(&done.stderr));
    let text = fs::read_to_string(out.join("report.json")).expect("it writes a report");
    serde_json::from_str(&text).expect("a report is JSON")
}

fn place(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("study").join(name)
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value} is no number"))
}

/// A mean and half of its interval, relative to it.
fn estimate(of: &Value) -> (f64, f64) {
    let mean = number(&of["mean"]);
    (mean, (number(&of["high"]) - number(&of["low"])) / 2.0 / mean)
}

#[test]
fn the_study_shows_what_its_comparison_finds() {
    let page = page();
    let command = page.split("peerlab-sim compare ").nth(1).expect("the page says how it was made");
    let designs: Vec<_> = command.split_whitespace().take_while(|word| *word != "--out").collect();
    let designs: Vec<_> = designs.into_iter().filter(|word| *word != "\\").collect();
    let out = place("comparison");
    let found = report(&[&["compare"], designs.as_slice()].concat(), &out);

    let (seeds, tests) = (found["seeds"].as_array().expect("a list").len(), &found["tests"]);
    assert!(page.contains(&format!("as the baseline, {seeds} seeds, {tests} tests;")), "{seeds}, {tests}");
    assert!(page.contains(&format!("makes {} runs", seeds * designs.len())));
    let completeness = serde_json::json!({"metric": "room.delivery.completeness", "statistic": "mean"});
    let same = found["same"].as_array().expect("a list");
    assert!(same.contains(&completeness), "every post reached everybody, whatever the topology");

    let rows = table(&page, "| | median latency |");
    assert_eq!(rows.len(), designs.len());
    let contenders = found["contenders"].as_array().expect("a list");
    for row in rows {
        let name = scenario(&row[0]);
        for (cell, (metric, statistic)) in row[1..].iter().zip(COLUMNS) {
            let mut measures = found["measures"].as_array().expect("a list").iter();
            let measure = measures.find(|one| one["metric"] == metric && one["statistic"] == statistic);
            let measure = measure.unwrap_or_else(|| panic!("{metric} {statistic} is compared"));
            let (baseline, precision) = estimate(&measure["baseline"]);
            let first = cell.split(' ').next().expect("a cell is not empty");
            let expected = if found["baseline"] == *name {
                let thousandth = if cell.contains(" ms") { 1e3 } else { 1.0 };
                let scale = if cell.contains(" kB") { 1e-3 } else { thousandth };
                let mean = cell.replace(first, &as_shown(first, baseline * scale));
                match cell.split_once("± ") {
                    None => mean,
                    Some((_, shown)) => {
                        let shown = shown.trim_end_matches(" %");
                        mean.replace(shown, &as_shown(shown, precision * 100.0))
                    }
                }
            } else {
                let number_of = contenders.iter().position(|one| *one == *name);
                let contender =
                    &measure["contenders"][number_of.unwrap_or_else(|| panic!("{name} is compared"))];
                let share = number(&contender["difference"]["mean"]) / baseline;
                let mark = if contender["significant"] == true {
                    "*".to_owned()
                } else {
                    format!("({})", as_shown("", number(&contender["seedsNeeded"])))
                };
                format!("{} % {mark}", as_shown(first, share * 100.0))
            };
            assert_eq!(*cell, expected, "{name}: {metric} {statistic}");
        }
    }
    for (shown, drawn) in [("topologies-latency", "room-latency"), ("topologies-ratios", "ratios")] {
        let shown_now = fs::read(root().join(format!("docs/images/{shown}.svg"))).expect("it is shown");
        let drawn_now = fs::read(out.join(format!("charts/{drawn}.svg"))).expect("it is drawn");
        assert!(shown_now == drawn_now, "docs/images/{shown}.svg is not what is drawn now");
    }
}

#[test]
fn the_study_shows_what_breaks_when_some_crash() {
    let page = page();
    let fault = blocks(&page, "yaml").into_iter().find(|block| block.contains("kill:"));
    let fault = fault.expect("the page says what happens");
    let rows = table(&page, "| | came by asking a neighbour |");
    let [most, alone @ ..] = rows.as_slice() else { panic!("the table has rows") };
    fs::create_dir_all(place("")).expect("the folder can be made");
    let crashed = |name: &str| {
        let shipped = root().join(format!("scenarios/{name}.yaml"));
        let text = fs::read_to_string(shipped).expect("it is shipped");
        let copy = place(&format!("{name}.yaml"));
        fs::write(&copy, text.replace("  targets:", &format!("{fault}\n  targets:")))
            .expect("it can be written");
        let found = report(&["run", &copy.display().to_string(), "--seeds", "20"], &place(name));
        let estimate = |metric: &str, statistic: &str| {
            let (mean, precision) = estimate(&found["metrics"][metric][statistic]["estimate"]);
            (mean, precision * 100.0)
        };
        let complete = estimate("room.delivery.completeness", "mean");
        assert_eq!(complete, (100.0, 0.0), "{name}: everybody has everything in the end");
        (estimate("room.catchUp.share", "mean"), estimate("room.delivery.latency", "p99"))
    };

    assert_eq!(alone.len(), 2);
    for row in alone {
        let (asked, late) = crashed(&scenario(&row[0]));
        for (cell, unit, (mean, precision)) in [(&row[1], "%", asked), (&row[2], "s", late)] {
            let shown: Vec<&str> = cell.split(' ').collect();
            let [value, _, "±", half, "%"] = shown[..] else { panic!("{cell} is a value and its interval") };
            let expected = format!("{} {unit} ± {} %", as_shown(value, mean), as_shown(half, precision));
            assert_eq!(*cell, expected, "{}", row[0]);
        }
    }

    // Of the others the cheapest: their cells say from where to where.
    let between = |cell: &str, observed: f64| {
        let shown: Vec<&str> = cell.split(' ').collect();
        let [low, _, "to", high, ..] = shown[..] else { panic!("{cell} is a range") };
        let parse = |text: &str| text.parse::<f64>().expect("it is a number");
        let observed = parse(&as_shown(low, observed));
        assert!((parse(low)..=parse(high)).contains(&observed), "{observed} is not in {cell}");
    };
    assert_eq!(most[0], "eight of the ten");
    for name in ["chat-over-k-regular", "chat-over-grid"] {
        let (asked, late) = crashed(name);
        between(&most[1], asked.0);
        between(&most[2], late.0);
    }
}
