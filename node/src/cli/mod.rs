//! The command line.
//!
//! Exit codes: 0 all targets met, 1 a target missed or a replay that differs, 2 bad input, 3 a run that says nothing, 130 interrupted.

mod chat;
mod children;
mod conduct;
mod descriptors;
mod fleet;
mod live;
mod log;
mod peer;
mod progress;
mod replay;
mod report;
mod serve;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use peerlab_report::cli::start;

#[derive(Debug, Parser)]
#[command(
    name = "peerlab-node",
    version,
    about = "Runs scenarios of peer-to-peer networks on real libp2p peers",
    arg_required_else_help = true
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run a scenario's peers on this machine, in real time, and write a report.
    Fleet(fleet::Fleet),
    /// Conduct a scenario whose peers are in processes that others start, and write a report.
    Conduct(conduct::Conduct),
    /// Run some of a scenario's peers, by a conductor's word.
    Peer(peer::Peer),
    /// Fetch the report of a run on Kubernetes, by kubectl, and end with its exit code.
    Report(report::Report),
    /// Step the machines of a recorded peer through what they were told, and show where they first answer otherwise.
    Replay(replay::Replay),
    /// Join a room and talk to whoever is there.
    Chat(chat::Chat),
}

pub(crate) fn main() -> ExitCode {
    start(|arguments: Arguments| {
        descriptors::raise();
        log::told(match arguments.command {
            Command::Fleet(fleet) => fleet.run(),
            Command::Conduct(conduct) => conduct.run(),
            Command::Peer(peer) => peer.run(),
            Command::Report(report) => report.run(),
            Command::Chat(chat) => chat.run(),
            Command::Replay(replay) => replay.run(),
        })
    })
}
