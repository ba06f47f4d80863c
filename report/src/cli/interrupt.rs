//! Signals: the first Ctrl-C, or any other request to end, stops the run where it is, so that its report is written; the second
//! ends the program and leaves nothing behind.

use std::{
    process,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use crate::folder::Draft;

/// The exit code of a program that Ctrl-C ended, as shells have it: 128 and the number of the signal.
pub const INTERRUPTED: u8 = 130;

/// Whether the run shall end.
#[derive(Clone, Debug)]
pub struct Interrupt(Arc<AtomicBool>);

/// What a signal is answered with when the report so far is written.
pub const REPORT_FOLLOWS: &str = "the report so far is written; interrupt again to end without it";

impl Interrupt {
    /// Listens from now on, while the run folder is written at `draft`. `told` is what a signal is answered with.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn listen(draft: Arc<Draft>, told: Option<&'static str>) -> Result<Self, ctrlc::Error> {
        let came = Arc::new(AtomicBool::new(false));
        let interrupt = Self(Arc::clone(&came));
        ctrlc::set_handler(move || {
            if came.swap(true, Ordering::Relaxed) {
                let _shut = draft.abandon();
                process::exit(i32::from(INTERRUPTED));
            }
            if let Some(told) = told {
                super::tell(&format!("interrupted: {told}\n"));
            }
        })?;
        Ok(interrupt)
    }

    /// Whether a signal came.
    #[must_use]
    pub fn came(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
