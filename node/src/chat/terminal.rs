//! What is typed, and what is shown.
//!
//! At a terminal a line editor keeps the line that is being typed below what others say. Otherwise lines are read from standard input
//! and written to standard output.

use std::{
    io::{self, BufRead as _, IsTerminal as _, Write as _},
    thread,
};

use console::Term;
use futures::channel::mpsc;
use rustyline::{Config, DefaultEditor, ExternalPrinter, error::ReadlineError};

use super::is_farewell;

/// What the user does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Said {
    /// A line was typed.
    Line(String),
    /// There will be none any more: Ctrl-C, Ctrl-D, or the end of the input.
    End,
}

/// Where the user sits.
pub(super) struct Terminal {
    /// Writes above the line that is being typed; none where nothing is.
    above: Option<Box<dyn ExternalPrinter + Send>>,
}

const PROMPT: &str = "> ";

impl Terminal {
    /// Begins to read lines, on a thread of its own: reading cannot be interrupted.
    pub(super) fn open() -> io::Result<(Self, mpsc::UnboundedReceiver<Said>)> {
        let (tell, said) = mpsc::unbounded();
        if !(io::stdin().is_terminal() && io::stdout().is_terminal()) {
            thread::Builder::new().name("input".to_owned()).spawn(move || read_lines(&tell))?;
            return Ok((Self { above: None }, said));
        }
        let other = |error: ReadlineError| io::Error::other(error);
        let mut editor =
            DefaultEditor::with_config(Config::builder().auto_add_history(true).build()).map_err(other)?;
        let above = editor.create_external_printer().map_err(other)?;
        thread::Builder::new().name("input".to_owned()).spawn(move || edit_lines(&mut editor, &tell))?;
        Ok((Self { above: Some(Box::new(above)) }, said))
    }

    /// Shows lines. A terminal that has gone shows nothing.
    pub(super) fn show(&mut self, lines: &[String]) {
        if lines.is_empty() {
            return;
        }
        let text = lines.iter().map(|line| format!("{line}\n")).collect::<String>();
        let _ = match &mut self.above {
            Some(above) => above.print(text).map_err(io::Error::other),
            None => io::stdout().write_all(text.as_bytes()).and_then(|()| io::stdout().flush()),
        };
    }
}

fn read_lines(tell: &mpsc::UnboundedSender<Said>) {
    for line in io::stdin().lock().lines() {
        // What is no text ends the input, as its end does.
        let Ok(line) = line else { break };
        if tell.unbounded_send(Said::Line(line)).is_err() {
            return;
        }
    }
    // Whoever listened may have gone.
    let _ = tell.unbounded_send(Said::End);
}

fn edit_lines(editor: &mut DefaultEditor, tell: &mpsc::UnboundedSender<Said>) {
    let screen = Term::stdout();
    while let Ok(line) = editor.readline(PROMPT) {
        // What was typed is shown again, with its time, when it was said.
        let width = usize::from(screen.size().1).max(1);
        let rows = (console::measure_text_width(PROMPT) + console::measure_text_width(&line)) / width + 1;
        // A screen that cannot be cleared shows it twice.
        let _ = screen.clear_last_lines(rows);
        // To read on would leave the terminal as the editor needs it when the program ends.
        let is_last = is_farewell(line.trim());
        if tell.unbounded_send(Said::Line(line)).is_err() || is_last {
            return;
        }
    }
    // Whoever listened may have gone.
    let _ = tell.unbounded_send(Said::End);
}
