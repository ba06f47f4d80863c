//! `peerlab-node chat`: a room in which people talk, without a server.

use std::path::PathBuf;

use clap::Args;
use libp2p::Multiaddr;
use peerlab_node::{chat, host::card::check_name};
use peerlab_report::cli::Stop;

#[derive(Debug, Args)]
pub(super) struct Chat {
    /// The name to go by.
    #[arg(long)]
    name: String,
    /// The room: all who name the same one meet.
    #[arg(long, default_value = "lobby")]
    room: String,
    /// Where to listen, as a multiaddr.
    #[arg(long, default_value = "/ip4/0.0.0.0/tcp/0")]
    listen: Multiaddr,
    /// Where a member listens, as it tells when it starts; may be given more than once.
    #[arg(long, value_name = "MULTIADDR")]
    join: Vec<Multiaddr>,
    /// Neither look for others on the local network nor be found there.
    #[arg(long)]
    no_mdns: bool,
    /// A folder for the key and what is said; without one there is a new key each time, and nothing is kept.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
}

impl Chat {
    pub(super) fn run(self) -> Result<u8, Stop> {
        for (option, name) in [("--name", &self.name), ("--room", &self.room)] {
            check_name(name).map_err(|why| Stop::Input(format!("error: {option}: {why}\n")))?;
        }
        let Self { name, room, listen, join, no_mdns, data } = self;
        chat::run(&chat::Options { name, room, listen, join, mdns: !no_mdns, data })?;
        Ok(0)
    }
}
