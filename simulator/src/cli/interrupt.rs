//! Signals: the first Ctrl-C, or any other request to end, stops the run where it is, so that its report is written; the second
//! ends the program and leaves nothing behind.

use std::{
    process,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use peerlab_simulator::folder::Draft;

/// The exit code of a program that Ctrl-C ended, as shells have it: 128 and the number of the signal.
pub(super) const INTERRUPTED: u8 = 130;

/// Whether the run shall end.
#[derive(Clone, Debug)]
pub(super) struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// Listens from now on, while the run folder is written at `draft`.
    pub(super) fn listen(draft: Arc<Draft>, quiet: bool) -> Result<Self, ctrlc::Error> {
        let came = Arc::new(AtomicBool::new(false));
        let interrupt = Self(Arc::clone(&came));
        ctrlc::set_handler(move || {
            if came.swap(true, Ordering::Relaxed) {
                let _shut = draft.abandon();
                process::exit(i32::from(INTERRUPTED));
            }
            if !quiet {
                eprintln!("interrupted: the report so far is written; interrupt again to end without it");
            }
        })?;
        Ok(interrupt)
    }

    /// Whether a signal came.
    pub(super) fn came(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
