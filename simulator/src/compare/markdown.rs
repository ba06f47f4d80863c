//! A comparison as Markdown, for a pull request or a lab book.

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
    let line = |cells: &[String]| {
        format!("| {} |\n", cells.iter().map(|cell| escape(cell)).collect::<Vec<_>>().join(" | "))
    };
    let rule = format!("|---{}|\n", "|---:".repeat(heads.len().saturating_sub(1)));
    let rows: String = rows.iter().map(|row| line(row)).collect();
    format!("{}{rule}{rows}", line(&heads))
}

/// Text that means nothing to Markdown or HTML.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '<' => escaped.push_str("&lt;"),
            '&' => escaped.push_str("&amp;"),
            '|' | '*' | '_' | '`' | '[' | ']' | '\\' => escaped.extend(['\\', character]),
            c if c.is_control() => escaped.push(' '),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_leaves_its_cell() {
        let rows = (vec!["a|b".to_owned(), "c".to_owned()], vec![vec!["x\ny".to_owned(), "<i>*".to_owned()]]);
        assert_eq!(table(rows), "| a\\|b | c |\n|---|---:|\n| x y | &lt;i>\\* |\n");
    }
}
