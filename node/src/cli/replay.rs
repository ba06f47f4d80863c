//! `peerlab-node replay`: a recorded peer, looked at again.

use std::{fs::File, io::BufReader, path::PathBuf};

use clap::Args;
use peerlab_node::host::record::{Difference, Output, Read, RecordError, Replayed, replay};
use peerlab_report::cli::{Stop, print};
use peerlab_scenarios::report::Verdict;

#[derive(Debug, Args)]
pub(super) struct Replay {
    /// The record of a peer's life, as `peerlab-node fleet --record` writes it.
    file: PathBuf,
}

impl Replay {
    pub(super) fn run(&self) -> Result<u8, Stop> {
        let bad = |error: RecordError| Stop::Input(format!("error: {}: {error}\n", self.file.display()));
        let file = File::open(&self.file).map_err(|error| bad(error.into()))?;
        let mut file = Read::new(BufReader::new(file)).map_err(bad)?;
        let header = &file.header;
        print(&format!(
            "{}, life {}, of {} with seed {}\n",
            header.peer, header.life, header.name, header.seed
        ))?;
        match replay(&mut file).map_err(bad)? {
            Replayed::Same { steps } => {
                print(&format!("{steps} steps, and every answer is the recorded one\n"))?;
                Ok(0)
            }
            Replayed::Differs(difference) => {
                print(&shown(&difference))?;
                if file.header.release != env!("CARGO_PKG_VERSION") {
                    print(&format!("it was recorded by release {}\n", file.header.release))?;
                }
                Ok(Verdict::Missed.exit_code())
            }
        }
    }
}

fn shown(difference: &Difference) -> String {
    let Difference { step, at, given, place, expected, got } = difference;
    let answer =
        |output: &Option<Output>| output.as_ref().map_or("nothing more".to_owned(), |it| format!("{it:?}"));
    format!(
        "step {step}, at {at}: answer {place} is another\n  told      {given}\n  expected  {}\n  got       {}\n",
        answer(expected),
        answer(got)
    )
}
