//! The documentation holds what the code says: what is generated from it is not behind, examples are valid, links lead
//! somewhere.
//!
//! `UPDATE_GOLDEN=1 cargo test -p peerlab-simulator --test docs -- that_of` writes the generated parts anew.

mod figures;
mod language;
mod links;
mod metrics;
mod study;

use std::{
    fs,
    path::{Path, PathBuf},
};

use peerlab_scenarios::{
    plan::{Files, Plan},
    seed::Seed,
    spec::read::document,
};

/// The repository.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("a crate stands in the repository").to_owned()
}

/// Every page written for people, by its path.
fn pages() -> Vec<(PathBuf, String)> {
    let mut pages = Vec::new();
    for folder in ["", "docs", "docs/decisions"] {
        let entries = fs::read_dir(root().join(folder)).expect("the folder is there");
        let mut paths: Vec<_> = entries.map(|entry| entry.expect("an entry can be read").path()).collect();
        paths.retain(|path| path.extension().is_some_and(|extension| extension == "md"));
        paths.sort();
        pages.extend(paths.into_iter().map(|path| {
            let text = fs::read_to_string(&path).expect("a page is text");
            (path, text)
        }));
    }
    pages
}

/// Compares a generated part of a page, which stands between two comments, with what is generated now; or keeps it.
fn assert_kept(page: &str, part: &str, generated: &str) {
    let path = root().join(page);
    let text = fs::read_to_string(&path).expect("the page is there");
    let (opening, closing) = (format!("<!-- generated: {part} -->\n"), format!("<!-- end of {part} -->"));
    let start = text.find(&opening).expect("the page says where the part begins") + opening.len();
    let end = start + text[start..].find(&closing).expect("the page says where the part ends");
    let generated = format!("\n{}\n\n", generated.trim());
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&path, format!("{}{generated}{}", &text[..start], &text[end..]))
            .expect("the page can be written");
        return;
    }
    let first = text[start..end].lines().zip(generated.lines()).find(|(kept, now)| kept != now);
    assert!(
        text[start..end] == generated,
        "the {part} in {page} is not what the code says; it differs first at {first:?}; `just generate` writes it anew"
    );
}

/// The fenced blocks of a language in a page.
fn blocks<'a>(text: &'a str, language: &str) -> Vec<&'a str> {
    let fence = format!("\n```{language}\n");
    let begins = text.match_indices(&fence).map(|(at, _)| at + fence.len());
    begins.map(|start| text[start..].split("\n```").next().unwrap_or_default()).collect()
}

#[test]
fn the_language_reference_is_that_of_the_types() {
    assert_kept("docs/language.md", "reference", &language::reference());
}

#[test]
fn the_table_of_metrics_is_that_of_the_code() {
    assert_kept("docs/report.md", "metrics", &metrics::table());
}

#[test]
fn every_scenario_in_the_documentation_can_be_planned() {
    let mut planned = 0;
    for (path, text) in pages() {
        for block in blocks(&text, "yaml").into_iter().filter(|block| block.starts_with("apiVersion:")) {
            let name = path.display().to_string();
            let read = document(&name, block.as_bytes());
            let scenario = read.unwrap_or_else(|problems| panic!("{problems}")).value;
            let plan = Plan::new(&scenario, Seed(scenario.spec.seed), &Files::new());
            assert!(plan.is_ok(), "{name}: {:?}", plan.err());
            planned += 1;
        }
    }
    assert!(planned > 0, "there is no example");
}

#[test]
fn every_link_leads_somewhere() {
    let broken: Vec<String> = pages().iter().flat_map(|(path, text)| links::broken(path, text)).collect();
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}
