//! A comparison as Markdown, for a pull request or a lab book.

use peerlab_report::markdown::{self, escape};
use peerlab_scenarios::report::comparison::Comparison;

use super::{
    page::{METHOD, differences, introduction, listed},
    tables::{Rows, compact, full},
};

/// The comparison; charts are beside it in `charts/`.
#[must_use]
pub fn markdown(comparison: &Comparison, charts: &[(String, String)]) -> String {
    let mut text = format!(
        "# {} against {}\n\n{}\n\n## Findings\n\n{}\n`*` is beyond chance; `(n)` is within chance, and n seeds would tell.\n",
        escape(&comparison.contenders.join(", ")),
        escape(&comparison.baseline),
        escape(&introduction(comparison)),
        table(compact(comparison)),
    );
    for (name, measures) in
        [("The same in all designs", &comparison.same), ("Without values", &comparison.absent)]
    {
        if !measures.is_empty() {
            text.push_str(&format!("\n{name}: {}.\n", escape(&listed(measures))));
        }
    }
    text.push_str(&format!("\n## In what the scenarios differ\n\n{}", table(differences(comparison))));
    for (id, title) in charts {
        text.push_str(&format!("\n![{}](charts/{id}.png)\n", escape(title)));
    }
    for (number, name) in comparison.contenders.iter().enumerate() {
        let heading = format!("{} against {}", escape(name), escape(&comparison.baseline));
        text.push_str(&format!("\n## {heading}\n\n{}", table(full(comparison, number))));
    }
    text.push_str(&format!("\n## Method\n\n{}\n", METHOD.join("\n\n")));
    text
}

fn table((heads, rows): Rows) -> String {
    markdown::table(&heads, &rows)
}
