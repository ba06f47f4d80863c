//! `peerlab-node peer`: some of a run's peers, by a conductor's word.

use std::{
    net::{IpAddr, Ipv4Addr},
    ops::Range,
    str::FromStr,
    time::Duration,
};

use clap::Args;
use libp2p::Multiaddr;
use peerlab_node::{
    conduct::{Process, ProcessError, Progress},
    fleet::{Cores, Runtime},
    signals::Signals,
};
use peerlab_report::cli::{BAD_INPUT, Stop, interrupt::INTERRUPTED, tell};
use peerlab_scenarios::{
    report::{Stage, Verdict},
    seed::Seed,
    units::Nanos,
};

use super::{
    log::{Log, tell_error},
    serve::{Serve, Told},
};

/// The exit code of a run that says nothing.
pub(super) const INVALID: u8 = Verdict::Invalid.exit_code();

/// Peers in a row: `7`, or `7..10` for 7, 8 and 9.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Indices(pub(super) Range<u32>);

impl Indices {
    /// The peers of a part, when parts have so many each.
    fn part(&self, part: u32, each: u32) -> Result<Self, String> {
        let Range { start, end } = self.0;
        let bound = |part: u32| u64::from(start) + u64::from(part) * u64::from(each);
        let first = bound(part).min(u64::from(end)) as u32;
        let last = bound(part).saturating_add(each.into()).min(u64::from(end)) as u32;
        if first < last {
            return Ok(Self(first..last));
        }
        let parts = (end - start).div_ceil(each);
        Err(format!(
            "there is no part {part} of the peers {self}, for with {each} each there are {parts} parts, from 0 on"
        ))
    }
}

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
    /// Where the conductor is, such as `/ip4/10.0.0.7/tcp/4001` or `/dns4/conductor/tcp/4001`. Its name may be behind, as `/p2p/ID`; it follows from the seed.
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
    /// Take only a part of them: parts have so many peers each, and the first is 0.
    #[arg(long, value_name = "K", requires = "per_part")]
    part: Option<u32>,
    /// How many peers a part has.
    #[arg(long, value_name = "PEERS", requires = "part", value_parser = clap::value_parser!(u32).range(1..))]
    per_part: Option<u32>,
    /// When all is over, wait for a signal before ending: for a supervisor that starts again what has ended.
    #[arg(long)]
    stay: bool,
    /// Print nothing but errors.
    #[arg(long, short)]
    quiet: bool,
    #[command(flatten)]
    serve: Serve,
    #[command(flatten)]
    log: Log,
}

impl Peer {
    pub(super) fn run(mut self) -> Result<u8, Stop> {
        self.quiet |= self.log.begin()?;
        let index = match self.part.zip(self.per_part) {
            Some((part, each)) => {
                self.index.part(part, each).map_err(|why| Stop::Input(format!("error: {why}\n")))?
            }
            None => self.index.clone(),
        };
        let runtime = Runtime::start()?;
        let told = self.serve.begin(&runtime, true, self.quiet)?;
        told.update(|status| status.peers_wanted = index.0.len() as u32);
        let exit_code = runtime.block_on(self.take_part(index, runtime.cores(), &told));
        runtime.shutdown_background();
        exit_code
    }

    async fn take_part(&self, index: Indices, cores: &Cores, told: &Told) -> Result<u8, Stop> {
        let say = |word: &str| {
            tracing::info!(peers = %index, "{word}");
            if !self.quiet {
                tell(&format!("peers {index}: {word}\n"));
            }
        };
        let process = Process {
            conductor: self.conductor.clone(),
            seed: Seed(self.seed),
            peers: index.0.clone(),
            address: self.address,
            patience: Duration::from_nanos(self.patience.0),
        };
        let mut signals = Signals::listen()?;
        let mut on_progress = |progress| match progress {
            Progress::Joined => say("joined"),
            Progress::Listens => told.update(|status| status.is_ready = true),
            Progress::Phase(phase) => told.update(|status| status.see(phase)),
        };
        let Err(error) = process.run(cores, &mut signals, &mut on_progress).await else {
            told.update(|status| status.stage = Stage::Done);
            if self.stay {
                say("all is told; waiting for a signal to end");
                signals.came().await;
            }
            return Ok(0);
        };
        tell_error(&format!("error: peers {index}: {error}\n"));
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

    #[test]
    fn parts_divide_peers_and_none_is_empty() {
        let all = Indices(100..112);
        let parts: Vec<_> = (0..3).map(|part| all.part(part, 5).unwrap().0).collect();
        assert_eq!(parts, [100..105, 105..110, 110..112]);
        let why = all.part(3, 5).unwrap_err();
        assert!(why.contains("no part 3") && why.contains("there are 3 parts"), "{why}");
        assert_eq!(Indices(0..u32::MAX).part(1, u32::MAX - 1), Ok(Indices(u32::MAX - 1..u32::MAX)));
        assert!(Indices(7..9).part(u32::MAX, u32::MAX).is_err());
    }
}
