//! How comparisons are written and printed, whatever is compared.

use std::path::PathBuf;

use peerlab_report::{
    cli::{Stop, pretty, table},
    folder::Folder,
    html::{self, Figure, Study},
};
use peerlab_simulator::compare::Rows;
use serde::Serialize;

/// Writes a comparison with its charts: as JSON, as Markdown, which is told the charts by id and title, and as a page.
pub(super) fn write(
    folder: Folder,
    figures: Vec<Figure>,
    comparison: &impl Serialize,
    markdown: impl FnOnce(&[(String, String)]) -> String,
    page: impl FnOnce(Vec<Figure>) -> Study,
) -> Result<PathBuf, Stop> {
    folder.write_charts(&figures)?;
    let charts: Vec<_> = figures.iter().map(|figure| (figure.id.clone(), figure.title.clone())).collect();
    folder.write("report.json", pretty(comparison)?.as_bytes())?;
    folder.write("report.md", markdown(&charts).as_bytes())?;
    folder.write("report.html", html::study(&page(figures)).as_bytes())?;
    Ok(folder.finish()?)
}

/// Rows of numbers behind a name, as wide as the terminal.
pub(super) fn rows((heads, rows): Rows) -> String {
    let mut shown = table::Table::new(&heads.iter().map(String::as_str).collect::<Vec<_>>());
    rows.into_iter().for_each(|row| shown.row(row));
    shown.numbers_from(1);
    shown.render(table::width())
}
