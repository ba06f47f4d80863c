//! Tables as Markdown, for a pull request, a lab book or the documentation.

/// A table; the first column is of text, the others of numbers.
#[must_use]
pub fn table(heads: &[String], rows: &[Vec<String>]) -> String {
    let line = |cells: &[String]| {
        format!("| {} |\n", cells.iter().map(|cell| escape(cell)).collect::<Vec<_>>().join(" | "))
    };
    let rule = format!("|---{}|\n", "|---:".repeat(heads.len().saturating_sub(1)));
    let rows: String = rows.iter().map(|row| line(row)).collect();
    format!("{}{rule}{rows}", line(heads))
}

/// Text that means nothing to Markdown or HTML.
#[must_use]
pub fn escape(text: &str) -> String {
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
        let (heads, rows) =
            (["a|b".to_owned(), "c".to_owned()], [vec!["x\ny".to_owned(), "<i>*".to_owned()]]);
        assert_eq!(table(&heads, &rows), "| a\\|b | c |\n|---|---:|\n| x y | &lt;i>\\* |\n");
    }
}
