//! `peerlab-node peer`: some of a run's peers, by a conductor's word.

use std::{
    net::{IpAddr, Ipv4Addr},
    ops::Range,
    str::FromStr,
    time::Duration,
};

use clap::Args;
use libp2p::Multiaddr;
use peerlab_node::conduct::{Process, ProcessError};
use peerlab_report::cli::{BAD_INPUT, Stop, interrupt::INTERRUPTED, tell};
use peerlab_scenarios::{seed::Seed, units::Nanos};

/// The exit code of a run that says nothing.
pub(super) const INVALID: u8 = 3;

/// Peers in a row: `7`, or `7..10` for 7, 8 and 9.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Indices(pub(super) Range<u32>);

impl FromStr for Indices {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = |text: &str| text.parse::<u32>().map_err(|error| format!("`{text}`: {error}"));
        let peers = match text.split_once("..") {
            Some((first, end)) => number(first)?..number(end)?,
            None => number(text).and_then(|first| {
                let end = first.checked_add(1).ok_or_else(|| format!("`{text}`: number too large"))?;
                Ok(first..end)
            })?,
        };
        if peers.is_empty() { Err("there is no peer in it".to_owned()) } else { Ok(Self(peers)) }
    }
}

impl std::fmt::Display for Indices {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}..{}", self.0.start, self.0.end)
    }
}

#[derive(Debug, Args)]
pub(super) struct Peer {
    /// Where the conductor is, such as `/ip4/10.0.0.7/tcp/4001`. Its name may be behind, as `/p2p/ID`; it follows from the seed.
    #[arg(long, value_name = "ADDRESS")]
    conductor: Multiaddr,
    /// The seed of the run.
    #[arg(long, value_parser = clap::value_parser!(u64).range(..=Seed::MOST))]
    seed: u64,
    /// Which peers: `7`, or `7..10` for 7, 8 and 9.
    #[arg(long, value_name = "N[..M]")]
    index: Indices,
    /// The address of this machine at which others find these peers.
    #[arg(long, value_name = "IP", default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    address: IpAddr,
    /// How long the conductor is looked for.
    #[arg(long, value_name = "TIME", default_value = "60s")]
    patience: Nanos,
    /// Print nothing but errors.
    #[arg(long, short)]
    quiet: bool,
}

impl Peer {
    pub(super) fn run(self) -> Result<u8, Stop> {
        let Indices(peers) = self.index.clone();
        let process = Process {
            conductor: self.conductor,
            seed: Seed(self.seed),
            peers,
            address: self.address,
            patience: Duration::from_nanos(self.patience.0),
        };
        let joined = || {
            if !self.quiet {
                tell(&format!("peers {}: joined\n", self.index));
            }
        };
        let Err(error) = process.run(joined) else { return Ok(0) };
        tell(&format!("error: peers {}: {error}\n", self.index));
        Ok(match error {
            ProcessError::Signalled => INTERRUPTED,
            error if error.is_refusal() => BAD_INPUT,
            _ => INVALID,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indices_are_one_or_some_in_a_row() {
        let read = |text: &str| text.parse::<Indices>();
        assert_eq!(read("7"), Ok(Indices(7..8)));
        assert_eq!(read("7..10"), Ok(Indices(7..10)));
        for wrong in ["", "x", "7..", "..7", "7..7", "9..7", "7-9", "4294967295", "4294967296"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
        assert_eq!(read(&Indices(7..8).to_string()), Ok(Indices(7..8)));
    }
}
