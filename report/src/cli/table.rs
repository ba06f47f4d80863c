//! Tables for the terminal.

use std::io::IsTerminal as _;

use comfy_table::{ContentArrangement, TableStyle};

/// Widths that are asked of a table when nobody is there to see it: none, so that programs get whole lines.
const UNBOUNDED: u16 = u16::MAX;

/// How wide a table on standard output may be.
#[must_use]
pub fn width() -> u16 {
    if std::io::stdout().is_terminal() { console::Term::stdout().size().1.max(60) } else { UNBOUNDED }
}

/// A table with a header.
#[derive(Debug)]
pub struct Table(comfy_table::Table);

impl Table {
    /// One with these names of columns.
    #[must_use]
    pub fn new(header: &[&str]) -> Self {
        let mut table = comfy_table::Table::new();
        table.load_style(TableStyle::new()).set_header(header.iter().copied());
        Self(table)
    }

    /// Adds a row.
    pub fn row(&mut self, cells: Vec<String>) {
        self.0.add_row(cells);
    }

    /// Puts columns from this one on to the right, as numbers stand.
    pub fn numbers_from(&mut self, first: usize) {
        for column in self.0.column_iter_mut().skip(first) {
            column.set_cell_alignment(comfy_table::CellAlignment::Right);
        }
    }

    /// The table's text, without blanks at line ends.
    #[must_use]
    pub fn render(mut self, width: u16) -> String {
        if width != UNBOUNDED {
            self.0.set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
        }
        self.0.lines().map(|line| format!("{}\n", line.trim_end())).collect()
    }
}
