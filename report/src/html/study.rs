//! The page of a study: several runs, told in tables of its own.

use super::markup::{Cell, paragraphs, table};
use super::render::{document, facts, figures, provenance, section, verdict};
use super::{Figure, Validity, Verdict};

/// All that the page of several runs says.
#[derive(Debug, Clone, PartialEq)]
pub struct Study {
    /// What kind of study it is, such as `"peerlab comparison"`.
    pub kind: String,
    /// Its title.
    pub title: String,
    /// How it ended, with a sentence, and whether its runs can be believed; a comparison has none.
    pub verdict: Option<(Verdict, String, Validity)>,
    /// What to know before reading on. Blank lines part paragraphs.
    pub introduction: String,
    /// Name and value of what a reader looks for first.
    pub facts: Vec<(String, String)>,
    /// Tables above the charts.
    pub findings: Vec<Table>,
    /// The charts, in the order of the page.
    pub figures: Vec<Figure>,
    /// Tables below the charts.
    pub details: Vec<Table>,
    /// How the numbers came about, a paragraph each.
    pub method: Vec<String>,
    /// Name and value of what it takes to repeat the study.
    pub provenance: Vec<(String, String)>,
}

/// A table under a heading.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// The heading.
    pub heading: String,
    /// What the numbers are.
    pub caption: String,
    /// The names of the columns; those of numbers begin with `#`.
    pub heads: Vec<String>,
    /// The rows.
    pub rows: Vec<Vec<Cell>>,
    /// What stands in its place when there are no rows.
    pub nothing: String,
}

/// The page as one HTML document.
#[must_use]
pub fn study(study: &Study) -> String {
    let tables = |tables: &[Table]| -> String {
        let shown = |shown: &Table| {
            let heads: Vec<&str> = shown.heads.iter().map(String::as_str).collect();
            section(&shown.heading, &table(&shown.caption, &heads, &shown.rows, &shown.nothing))
        };
        tables.iter().map(shown).collect()
    };
    let sections = [
        study
            .verdict
            .as_ref()
            .map_or_else(String::new, |(ended, detail, validity)| verdict(*ended, detail, validity)),
        paragraphs(&study.introduction),
        facts(&study.facts),
        tables(&study.findings),
        section("Charts", &figures(&study.figures)),
        tables(&study.details),
        section("Method", &study.method.iter().map(|text| paragraphs(text)).collect::<String>()),
        section("Provenance", &provenance(&study.provenance)),
    ];
    document(&study.kind, &study.title, &sections.concat())
}
