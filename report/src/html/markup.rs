//! Pieces of HTML. What is text is escaped here, so that no caller can forget it.

/// `text` as it may stand between tags and in quoted attributes.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            '\n' | '\t' => escaped.push(character),
            // Direction overrides could make a name read as another; other controls have no place in a page.
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => escaped.push('\u{fffd}'),
            c if c.is_control() => escaped.push('\u{fffd}'),
            c => escaped.push(c),
        }
    }
    escaped
}

/// A cell of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cell {
    /// The name of its row.
    Head(String),
    /// Words.
    Text(String),
    /// A number, set flush right.
    Number(String),
    /// Text of a machine: a hash, a version.
    Code(String),
    /// A judgement in words, with the colour that belongs to it.
    State(&'static str, Tone),
}

/// The colour of a judgement. Words always say the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// As it should be.
    Good,
    /// Not as it should be.
    Bad,
    /// To be taken with care.
    Caution,
    /// None of these.
    Void,
}

impl Tone {
    pub(crate) fn class(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Bad => "bad",
            Self::Caution => "caution",
            Self::Void => "void",
        }
    }
}

/// A table with a caption, or the words `nothing` in its place when it has no rows. Columns whose heads begin with `#`
/// hold numbers.
pub(crate) fn table(caption: &str, heads: &[&str], rows: &[Vec<Cell>], nothing: &str) -> String {
    if rows.is_empty() {
        return format!("<p class=\"empty\">{}</p>\n", escape(nothing));
    }
    let heads: String = heads
        .iter()
        .map(|head| match head.strip_prefix('#') {
            Some(number) => format!("<th scope=\"col\" class=\"number\">{}</th>", escape(number)),
            None => format!("<th scope=\"col\">{}</th>", escape(head)),
        })
        .collect();
    let rows: String =
        rows.iter().map(|row| format!("<tr>{}</tr>\n", row.iter().map(cell).collect::<String>())).collect();
    let caption = escape(caption);
    format!(
        "<div class=\"scroll\" role=\"region\" aria-label=\"{caption}\" tabindex=\"0\"><table>\n\
         <caption>{caption}</caption>\n<thead><tr>{heads}</tr></thead>\n<tbody>\n{rows}</tbody>\n</table></div>\n"
    )
}

fn cell(cell: &Cell) -> String {
    match cell {
        Cell::Head(text) => format!("<th scope=\"row\">{}</th>", escape(text)),
        Cell::Text(text) => format!("<td>{}</td>", escape(text)),
        Cell::Number(text) => format!("<td class=\"number\">{}</td>", escape(text)),
        Cell::Code(text) => format!("<td class=\"code\">{}</td>", escape(text)),
        Cell::State(text, tone) => format!("<td class=\"state {}\">{}</td>", tone.class(), escape(text)),
    }
}

/// The paragraphs of `text`, which blank lines part.
pub(crate) fn paragraphs(text: &str) -> String {
    let mut html = String::new();
    let mut paragraph: Vec<&str> = Vec::new();
    // An empty line at the end closes the last paragraph.
    for line in text.lines().chain([""]) {
        if !line.trim().is_empty() {
            paragraph.push(line.trim());
        } else if !paragraph.is_empty() {
            html.push_str(&format!("<p>{}</p>\n", escape(&paragraph.join(" "))));
            paragraph.clear();
        }
    }
    html
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_leaves_its_place() {
        assert_eq!(escape(r#"<a href="x">'&'"#), "&lt;a href=&quot;x&quot;&gt;&#39;&amp;&#39;");
        assert_eq!(escape("a\u{0}b\u{202e}c"), "a\u{fffd}b\u{fffd}c");
    }

    #[test]
    fn blank_lines_part_paragraphs() {
        assert_eq!(paragraphs("one\n  two\n\n\nthree <b>"), "<p>one two</p>\n<p>three &lt;b&gt;</p>\n");
        assert_eq!(paragraphs(" \n"), "");
    }

    #[test]
    fn an_empty_table_says_why() {
        assert_eq!(table("c", &["a"], &[], "No <faults>."), "<p class=\"empty\">No &lt;faults&gt;.</p>\n");
    }
}
