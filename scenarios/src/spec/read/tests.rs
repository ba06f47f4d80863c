use proptest::prelude::*;
use serde::{Deserialize, Serialize};

use super::*;
use crate::units::{BitsPerSec, Nanos, Share};

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Fleet {
    /// What the fleet is called. Nothing else uses it.
    name: String,
    #[serde(default)]
    #[schemars(range(min = 1, max = 100))]
    peers: Option<i32>,
    #[serde(default)]
    quiet: bool,
    #[serde(default = "ring")]
    topology: Topology,
    #[serde(default)]
    #[schemars(length(max = 3))]
    links: Vec<Link>,
    #[serde(default)]
    nat: Option<Nat>,
}

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("x-kubernetes-validations" = [
    { "rule": "has(self.loss) != has(self.delay)", "message": "give exactly one of `loss` and `delay`" }
]))]
struct Link {
    /// How fast it is. In one direction.
    down: BitsPerSec,
    #[serde(skip_serializing_if = "Option::is_none")]
    delay: Option<Nanos>,
    #[serde(skip_serializing_if = "Option::is_none")]
    loss: Option<Share>,
}

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
enum Topology {
    Ring {},
    KRegular { degree: i32 },
}

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
enum Nat {
    /// Reachable.
    Open,
    /// Reachable by those who were called.
    PortRestricted,
}

fn ring() -> Topology {
    Topology::Ring {}
}

fn fleet(name: &str, bytes: &[u8]) -> Result<Document<Fleet>, Problems> {
    read_as(name, bytes, |_| Vec::new())
}

fn errors(text: impl AsRef<[u8]>) -> String {
    match fleet("fleet.yaml", text.as_ref()) {
        Ok(document) => panic!("it was accepted: {:?}", document.value),
        Err(problems) => problems.to_string(),
    }
}

/// The messages alone, with their paths and first hints.
fn told(text: &str) -> Vec<String> {
    let problems = fleet("fleet.yaml", text.as_bytes()).expect_err("it was accepted").problems;
    let line = |p: &Problem| format!("{}: {} | {}", p.path, p.message, p.help.first().map_or("", |h| h));
    problems.iter().map(line).collect()
}

#[test]
fn a_document_becomes_its_type() {
    let text = "# a fleet\nname: \"no\"\npeers: 0x10\ntopology: {kRegular: {degree: 3}}\nlinks:\n- &a {down: 5Mbit, loss: 1%}\n- *a\n";
    let fleet = fleet("fleet.yaml", text.as_bytes()).unwrap_or_else(|e| panic!("{e}")).value;
    assert_eq!((fleet.name.as_str(), fleet.peers), ("no", Some(16)));
    assert_eq!(fleet.links[1].down, BitsPerSec(5_000_000));
}

#[test]
fn all_mistakes_are_told_at_once() {
    let text = "\
nmae: home
quiet: no
topology: ring
links:
  - {down: 20, delay: 10ms, los: 1%}
nat: portrestricted
peers: 500
";
    assert_eq!(
        told(text),
        [
            "nmae: unknown field `nmae` | did you mean `name`?",
            "quiet: expected `true` or `false`, found `no` | write `false`: `no` is a string in YAML 1.2",
            "topology: expected a map, found `ring` | write `{ring: {}}`",
            "links[0].down: expected a rate such as `20Mbit`, `1Gbit` or `500kbit`, found `20` | write `20Mbit`, not `20`",
            "links[0].los: unknown field `los` | did you mean `loss`?",
            "nat: `portrestricted` is unknown | did you mean `portRestricted`?",
            "peers: expected an integer from 1 to 100, found 500 | ",
        ]
    );
}

#[test]
fn what_is_missing_is_explained() {
    let expected = "\
error: `name` is missing
 --> fleet.yaml:1:1
1 | peers: 5
  | ^
  = help: `name`: What the fleet is called

fleet.yaml: 1 problem
";
    assert_eq!(errors("peers: 5\n"), expected);
}

#[test]
fn a_choice_is_made_exactly_once() {
    let with = |topology: &str| told(&format!("name: a\ntopology: {topology}\n")).join("\n");
    assert_eq!(
        with("{}"),
        "topology: exactly one of `ring`, `kRegular` is wanted, none is given | write for example `{ring: {}}`"
    );
    assert_eq!(
        with("{ring: {}, kRegular: {degree: 2}}"),
        "topology: only one of `ring`, `kRegular` can be given | "
    );
    assert_eq!(with("{rnig: {}}"), "topology.rnig: unknown kind `rnig` | did you mean `ring`?");
    assert_eq!(
        with("kregular"),
        "topology: expected a map, found `kregular` | did you mean `{kRegular: {degree: …}}`?"
    );
    assert_eq!(with("{kRegular: {}}"), "topology.kRegular: `degree` is missing | ");
}

#[test]
fn a_field_in_the_wrong_place_is_sent_home() {
    assert_eq!(
        told("name: a\ndegree: 3\n"),
        [
            "degree: unknown field `degree` | `degree` belongs into `topology.kRegular`: is it indented as meant?"
        ]
    );
}

#[test]
fn rules_are_those_of_the_api_server() {
    assert_eq!(
        told("name: a\nlinks:\n  - {down: 1Mbit, loss: 1%}\n  - {down: 1Mbit}\n"),
        ["links[1]: give exactly one of `loss` and `delay` | "]
    );
}

#[test]
fn a_key_given_twice_is_shown_twice() {
    let expected = "\
error: `name` is given twice in one map
 --> fleet.yaml:3:1 at name
3 | name: b
  | ^^^^
1 | name: a
  | ^^^^ first given here
  = help: keep one of the two

fleet.yaml: 1 problem
";
    assert_eq!(errors("name: a\nquiet: true\nname: b\n"), expected);
}

#[test]
fn a_place_is_counted_in_characters_and_printed_safely() {
    let problems = fleet("f", "name: \"ää\"\nquiet: {\u{e4}: \"\\e[31m\"}\n".as_bytes()).unwrap_err();
    assert_eq!((problems.problems[0].place.line, problems.problems[0].place.column), (2, 8));
    let long =
        format!("name: a\nquiet: [{}]\nlinks: [{}{{down: 3}}]\n", "1, ".repeat(5_000), " ".repeat(5_000));
    let text = errors(&long);
    assert!(text.lines().all(|line| line.chars().count() < 200), "{text}");
    assert!(!errors("name: \"\\e[31m\"\nquiet: \"\\e[31m\"\n").contains('\u{1b}'));
    assert!(fleet("f", b"quiet: 1").unwrap_err().coloured().contains('\u{1b}'));
}

#[test]
fn problems_are_read_by_programs_too() {
    let problems = fleet("fleet.yaml", b"name: a\nlinks: [{down: 20, loss: 1%}]\n").unwrap_err();
    assert_eq!(
        serde_json::to_value(&problems).expect("problems are plain data"),
        serde_json::json!({
            "file": "fleet.yaml",
            "omitted": 0,
            "problems": [{
                "path": "links[0].down",
                "line": 2, "column": 16, "length": 2,
                "value": "20",
                "message": "expected a rate such as `20Mbit`, `1Gbit` or `500kbit`, found `20`",
                "help": ["write `20Mbit`, not `20`"],
            }],
        })
    );
}

#[test]
fn faults_found_later_are_shown_at_their_fields() {
    let text = "name: a\nlinks:\n  - down: 1Mbit\n    loss: 1%\n";
    let document = fleet("fleet.yaml", text.as_bytes()).expect("it is right");
    let at = |path: &str| {
        let problems = document.problems(vec![Fault::new(FieldPath::parse(path), "no")]);
        (problems.problems[0].place.line, problems.problems[0].place.column)
    };
    assert_eq!(at("links[0].loss"), (4, 11));
    assert_eq!(at("links[0].delay"), (3, 5), "what is not written is shown where it would be");
    assert_eq!(at("topology.ring"), (1, 1));
}

#[test]
fn an_explanation_tells_what_was_left_out() {
    let document = fleet("fleet.yaml", b"name: a\nlinks: [{down: 1Mbit, loss: 1%}]\n").expect("it is right");
    let text = document
        .explain(&document.value, |path| (path.to_string() == "quiet").then(|| "profile `calm`".to_owned()))
        .expect("it can be written");
    let expected = "\
name: a
quiet: false                                    # profile `calm`
topology:
  ring: {}                                      # default
links:
- down: 1Mbit
  loss: 1%
";
    assert_eq!(text, expected);
    assert!(fleet("again", text.as_bytes()).is_ok(), "an explanation is a document");
}

/// Documents whose size, depth or bytes are meant to harm the reader, each with what it is told.
#[test]
fn hostile_documents_are_refused_with_a_reason() {
    let bomb = (1..30).fold("a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned(), |text, n| {
        let alias = format!("*a{}", n - 1);
        text + &format!("a{n}: &a{n} [{}]\n", [alias.as_str(); 9].join(", "))
    });
    let chain =
        (1..5_000).fold("a0: &a0 [x]\n".to_owned(), |text, n| text + &format!("a{n}: &a{n} [*a{}]\n", n - 1));
    let big_text = format!("a: &a \"{}\"\nb: [{}]\n", "x".repeat(100_000), "*a, ".repeat(200_000));
    let cases: [(Vec<u8>, &str); 23] = [
        (vec![b'#'; 100_000_000], "the file is too large: more than 1 MiB (1,048,576 bytes)"),
        (bomb.into_bytes(), "aliases repeat more than a scenario may hold"),
        (big_text.into_bytes(), "aliases repeat more than a scenario may hold"),
        (chain.into_bytes(), "nested more than 64 levels deep"),
        ("[".repeat(500_000).into_bytes(), "nested more than 64 levels deep"),
        ("{a: ".repeat(250_000).into_bytes(), "nested more than 64 levels deep"),
        ("- ".repeat(500_000).into_bytes(), "nested more than 64 levels deep"),
        (b"name: &a [*a]\n".to_vec(), "an alias cannot stand within the value that it repeats"),
        (b"name: *a\n".to_vec(), "no anchor of this name comes before"),
        (b"name: a\nquiet: \xff\n".to_vec(), "the file is not UTF-8: byte 0xff at offset 15"),
        (b"\xff\xfen\0a\0".to_vec(), "the file is not UTF-8: byte 0xff at offset 0"),
        (b"name: a\0b\n".to_vec(), "the control character U+0000 at offset 7"),
        (b"name: a\x1b[31m\n".to_vec(), "the control character U+001B at offset 7"),
        (b"".to_vec(), "the file is empty"),
        (b"# nothing\n---\n".to_vec(), "the file is empty"),
        (b"name: a\n---\nname: b\n".to_vec(), "the file holds more than one document"),
        (b"%YAML 1.2\n---\nname: a\n".to_vec(), "YAML directives"),
        (b"name: !!str a\n".to_vec(), "YAML tags"),
        (b"{[a]: b}\n".to_vec(), "a list or a map cannot be the name of a field"),
        (b"<<: {name: a}\n".to_vec(), "merge keys"),
        (b"name: a\n\tquiet: true\n".to_vec(), "a tab cannot indent"),
        (b"name: a: b\n".to_vec(), "a second `:` in one line"),
        (b"links: [{down: 1Mbit]\n".to_vec(), "this `{` is closed by `]`"),
    ];
    for (text, reason) in cases {
        let told = errors(&text);
        assert!(told.contains(reason), "{reason}: {told}");
        assert!(told.len() < 10_000, "{reason}: too long a text");
    }
}

#[test]
fn a_byte_order_mark_is_no_part_of_the_first_name() {
    assert!(fleet("f", "\u{feff}name: a\n".as_bytes()).is_ok());
    let problems = fleet("f", "\u{feff}name: a\nquiet: 3\n".as_bytes()).unwrap_err();
    assert_eq!((problems.problems[0].place.line, problems.problems[0].place.column), (2, 8));
}

#[test]
fn a_flood_of_mistakes_is_cut_short() {
    let text = (0..50_000).fold("name: a\n".to_owned(), |text, n| text + &format!("x{n}: 1\n"));
    let problems = fleet("f", text.as_bytes()).unwrap_err();
    assert_eq!((problems.problems.len(), problems.omitted), (MAX_PROBLEMS, 50_000 - MAX_PROBLEMS));
}

const VALID: &str = "name: a\npeers: 5\nquiet: true\ntopology: {kRegular: {degree: 3}}\nlinks:\n  - &a {down: 1Mbit, loss: 1%}\n  - *a\nnat: \"open\"\n";

proptest! {
    #[test]
    fn no_bytes_make_the_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = fleet("f", &bytes).map_err(|problems| problems.to_string());
    }

    #[test]
    fn no_yaml_makes_the_reader_panic(text in "([a-z]{1,3}|[-:?&*!|>'\"%@`,{}\\[\\]#~ \t\n]|: |\n  |- |ä|\u{feff}|<<){0,80}") {
        let _ = fleet("f", text.as_bytes()).map_err(|problems| problems.to_string());
    }

    #[test]
    fn no_mutation_of_a_document_makes_the_reader_panic(
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), "[ -~\n\tä]{0,3}"), 1..5),
    ) {
        let mut chars: Vec<char> = VALID.chars().collect();
        for (from, length, insert) in edits {
            let from = from.index(chars.len() + 1);
            let to = (from + length.index(6)).min(chars.len());
            chars.splice(from..to, insert.chars());
        }
        let text: String = chars.into_iter().collect();
        if let Err(problems) = fleet("f", text.as_bytes()) {
            prop_assert!(!problems.problems.is_empty());
            for problem in &problems.problems {
                prop_assert!(problem.place.line <= text.lines().count() + 1);
            }
            let _ = problems.coloured();
        }
    }
}

#[test]
fn a_very_large_document_is_not_read_on_over_and_over() {
    let told = |edges: &str| {
        let text = format!(
            "apiVersion: peerlab.dev/v1alpha1\nkind: Scenario\nmetadata: {{name: t}}\nspec:\n  duration: 10\n  \
             groups: [{{name: a, peers: 9}}, {{name: a, peers: 9}}]\n  workloads: [{{name: r, chat: {{}}}}]\n  \
             topology: {{edges: {{list: [{edges}]}}}}\n"
        );
        document("t.yaml", text.as_bytes()).unwrap_err().to_string().matches("error: ").count()
    };
    assert_eq!((told("[0, 1]"), told(&vec!["[0, 1]"; 20_000].join(", "))), (2, 1));
}
