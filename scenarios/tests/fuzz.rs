//! The reader under documents that nobody wrote: whatever the bytes are, it ends, does not panic, and says little.

use peerlab_scenarios::spec::read::{MAX_PROBLEMS, document};
use proptest::{prelude::*, sample::Index};

/// A scenario that uses most of the language.
const WHOLE: &str = r#"apiVersion: peerlab.dev/v1alpha1
kind: Scenario
metadata: {name: chat-under-churn}
spec:
  description: "Half of the peers are on home links: the Atlantic path fails for a minute."
  seed: 42
  duration: 10m
  warmUp: 30s
  peers: 200
  sites:
    - {name: branch, count: 3, lan: {rate: 1Gbit, delay: 0.3ms}, uplink: {down: 20Mbit, up: 20Mbit, latency: 15ms}}
    - {name: field, lan: {rate: 20Mbit, delay: 3ms, loss: 2%}, isolated: true}
  groups:
    - name: backbone
      share: 10%
      regions: &atlantic {us-east-1: 1, eu-west-1: 1}
      link: {profile: datacenter}
    - name: home
      share: 90%
      regions: *atlantic
      link: {down: 100Mbit, up: 20Mbit, access: {logNormal: {median: 8ms, sigma: 0.5}}}
      churn: {online: {weibull: {shape: 0.6, mean: 40m}}, offline: {exponential: {mean: 10m}}}
      behaviour: {honest: {}}
  topology: {kRegular: {degree: 8}}
  network: {latency: {regions: {table: aws-2024}}, jitter: 5%, loss: 0.1%}
  workloads:
    - name: rooms
      chat: {rooms: 20, members: 30, posts: {poisson: {every: 2s}}, body: 200B}
  faults:
    - name: atlantic
      at: 4m
      for: 60s
      partition: {between: [{region: us-east-1}, {region: eu-west-1}]}
    - {name: outage, at: 7m, kill: {group: home, share: 10%}}
  targets:
    - {metric: rooms.delivery.latency, p99: 500ms}
    - {metric: rooms.delivery.completeness, atLeast: 100%}
"#;

/// What a slip of the hand does to a text.
#[derive(Clone, Debug)]
enum Slip {
    Delete(Index, Index),
    Insert(Index, String),
    RepeatLine(Index),
    MoveLine(Index, Index),
    SwapWords(Index, Index),
}

fn slip() -> impl Strategy<Value = Slip> {
    let stray =
        prop_oneof!["[ -~]{1,3}", "[ \t\n:{}\\[\\],&*!|>'\"%#-]{1,3}", "\\PC{1,2}", Just("\u{0}".to_owned())];
    prop_oneof![
        any::<(Index, Index)>().prop_map(|(at, length)| Slip::Delete(at, length)),
        (any::<Index>(), stray).prop_map(|(at, text)| Slip::Insert(at, text)),
        any::<Index>().prop_map(Slip::RepeatLine),
        any::<(Index, Index)>().prop_map(|(from, to)| Slip::MoveLine(from, to)),
        any::<(Index, Index)>().prop_map(|(a, b)| Slip::SwapWords(a, b)),
    ]
}

fn apply(text: &str, slip: &Slip) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut lines: Vec<&str> = text.split_inclusive('\n').collect();
    match slip {
        Slip::Delete(at, length) => {
            let at = at.index(chars.len() + 1);
            let end = (at + length.index(12)).min(chars.len());
            chars[..at].iter().chain(&chars[end..]).collect()
        }
        Slip::Insert(at, stray) => {
            let at = at.index(chars.len() + 1);
            chars[..at].iter().copied().chain(stray.chars()).chain(chars[at..].iter().copied()).collect()
        }
        Slip::RepeatLine(at) if !lines.is_empty() => {
            let at = at.index(lines.len());
            lines.insert(at, lines[at]);
            lines.concat()
        }
        Slip::MoveLine(from, to) if !lines.is_empty() => {
            let line = lines.remove(from.index(lines.len()));
            lines.insert(to.index(lines.len() + 1), line);
            lines.concat()
        }
        Slip::SwapWords(a, b) => {
            let mut words: Vec<&str> = text.split_inclusive([' ', ',', '{', '}', ':', '\n']).collect();
            if !words.is_empty() {
                let (a, b) = (a.index(words.len()), b.index(words.len()));
                words.swap(a, b);
            }
            words.concat()
        }
        Slip::RepeatLine(_) | Slip::MoveLine(..) => text.to_owned(),
    }
}

/// Reads a text and holds what is told to its bounds.
fn read(bytes: &[u8]) -> Result<(), TestCaseError> {
    let Err(problems) = document("fuzz.yaml", bytes) else { return Ok(()) };
    prop_assert!((1..=MAX_PROBLEMS).contains(&problems.problems.len()));
    let lines = String::from_utf8_lossy(bytes).split('\n').count();
    for problem in &problems.problems {
        prop_assert!((1..=lines).contains(&problem.place.line), "{problem:?}");
    }
    let text = problems.to_string();
    prop_assert!(!text.chars().any(|c| c.is_control() && c != '\n'), "{text:?}");
    prop_assert!(text.len() < MAX_PROBLEMS * 8_000);
    Ok(())
}

#[test]
fn the_whole_language_is_read() {
    document("whole.yaml", WHOLE.as_bytes()).unwrap_or_else(|problems| panic!("{problems}"));
}

proptest! {
    // Failures are kept as tests of their own beside what they were about.
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn a_scenario_with_slips_is_read_or_refused(slips in prop::collection::vec(slip(), 1..6)) {
        let text = slips.iter().fold(WHOLE.to_owned(), |text, slip| apply(&text, slip));
        read(text.as_bytes())?;
    }

    #[test]
    fn what_a_document_holds_cannot_write_to_the_terminal(
        text in "\\PC{0,3}(\\\\e|\\\\b|\\\\0|\\\\n|\\\\x9b)[a-z\\[0-9]{0,5}",
        at in prop::sample::select(vec!["group: home, share", "kRegular", "rooms.delivery.latency", "us-east-1: 1", "10m", "profile"]),
    ) {
        read(WHOLE.replacen(at, &format!("\"{text}\""), 1).as_bytes())?;
    }

    #[test]
    fn any_bytes_are_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        read(&bytes)?;
    }

    #[test]
    fn bytes_flipped_in_a_scenario_are_refused_or_read(
        flips in prop::collection::vec((any::<Index>(), any::<u8>()), 1..4),
    ) {
        let mut bytes = WHOLE.as_bytes().to_vec();
        for (at, byte) in flips {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        read(&bytes)?;
    }
}
