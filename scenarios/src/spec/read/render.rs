//! Problems as text for a terminal, in the form that compilers have made familiar.

use std::fmt::Write;

use super::problem::{PATH_WIDTH, Place, Problem, Problems, printable};

/// Whether the text is for a terminal that shows colours.
#[derive(Clone, Copy)]
pub(super) enum Style {
    Plain,
    Coloured,
}

/// What a stretch of the text is.
#[derive(Clone, Copy)]
enum Role {
    Error,
    Frame,
    Help,
}

impl Style {
    fn paint(self, role: Role, text: &str) -> String {
        let code = match (self, role) {
            (Self::Plain, _) => return text.to_owned(),
            (Self::Coloured, Role::Error) => "1;31",
            (Self::Coloured, Role::Frame) => "34",
            (Self::Coloured, Role::Help) => "36",
        };
        format!("\u{1b}[{code}m{text}\u{1b}[0m")
    }
}

/// All problems and how many they are.
pub(super) fn render(problems: &Problems, style: Style) -> String {
    let mut out = String::new();
    for problem in &problems.problems {
        one(&mut out, &problems.file, problem, style);
        out.push('\n');
    }
    let count = problems.problems.len() + problems.omitted;
    let _ = write!(out, "{}: {count} problem{}", problems.file, if count == 1 { "" } else { "s" });
    if problems.omitted > 0 {
        let _ = write!(out, ", the first {} of them shown", problems.problems.len());
    }
    out.push('\n');
    out
}

fn one(out: &mut String, file: &str, problem: &Problem, style: Style) {
    let margin = [Some(&problem.place), problem.also.as_ref().map(|(place, _)| place)]
        .into_iter()
        .flatten()
        .map(|place| place.line.to_string().len())
        .max()
        .unwrap_or(1);
    let _ = writeln!(out, "{}: {}", style.paint(Role::Error, "error"), problem.message);
    let Place { line, column, .. } = problem.place;
    let path = printable(&problem.path.to_string(), PATH_WIDTH);
    let at = if path.is_empty() { String::new() } else { format!(" at {path}") };
    let _ = writeln!(out, "{:margin$}{} {file}:{line}:{column}{at}", "", style.paint(Role::Frame, "-->"));
    excerpt(out, margin, &problem.place, "", style, Role::Error);
    if let Some((place, message)) = &problem.also {
        excerpt(out, margin, place, message, style, Role::Frame);
    }
    for help in &problem.help {
        let _ = writeln!(out, "{:margin$} {} {help}", "", style.paint(Role::Help, "= help:"));
    }
}

/// The line with carets under what is meant.
fn excerpt(out: &mut String, margin: usize, place: &Place, label: &str, style: Style, role: Role) {
    if place.excerpt.is_empty() {
        return;
    }
    let bar = style.paint(Role::Frame, "|");
    let width = place.length.clamp(1, place.excerpt.chars().count().saturating_sub(place.caret).max(1));
    let number = style.paint(Role::Frame, &format!("{:>margin$}", place.line));
    let carets = style.paint(role, &"^".repeat(width));
    let _ = writeln!(out, "{number} {bar} {}", place.excerpt.trim_end());
    let under = format!("{:margin$} {bar} {:caret$}{carets} {label}", "", "", caret = place.caret);
    let _ = writeln!(out, "{}", under.trim_end());
}
