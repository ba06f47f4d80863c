//! Links between pages.

use std::{collections::BTreeSet, fs, path::Path};

/// The links of a page that lead nowhere: to a file or a heading that is not there.
pub(crate) fn broken(page: &Path, text: &str) -> Vec<String> {
    let targets = text.split("](").skip(1).filter_map(|rest| rest.split_once(')').map(|(target, _)| target));
    let inner = targets.filter(|target| !target.contains("://") && !target.contains(char::is_whitespace));
    let leads = |target: &str| {
        let (file, heading) = target.split_once('#').unwrap_or((target, ""));
        let path = if file.is_empty() { page.to_owned() } else { page.with_file_name(file) };
        path.exists()
            && (heading.is_empty()
                || fs::read_to_string(path).is_ok_and(|text| anchors(&text).contains(heading)))
    };
    inner.filter(|target| !leads(target)).map(|target| format!("{}: {target}", page.display())).collect()
}

/// What the headings of a page are called in links, as GitHub makes it of them.
fn anchors(text: &str) -> BTreeSet<String> {
    let headings = text.lines().filter(|line| line.starts_with('#'));
    let anchor = |heading: &str| {
        let words = heading.trim_start_matches('#').trim().to_lowercase().replace(' ', "-");
        words.chars().filter(|c| c.is_alphanumeric() || *c == '-' || *c == '_').collect()
    };
    headings.map(anchor).collect()
}
