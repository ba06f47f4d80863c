//! What a conductor and a process say to each other.

use std::time::Duration;

use libp2p::{Multiaddr, StreamProtocol};
use peerlab_scenarios::{host::Peer, plan::Files};
use serde::{Deserialize, Serialize};

use super::challenge::Nonce;
use crate::{
    fleet::{Phase, Transport},
    host::Moved,
};

/// The protocol, with its version: whoever speaks another has no stream.
pub(super) const PROTOCOL: StreamProtocol = StreamProtocol::new("/peerlab/conduct/1");

/// The release of this program: a plan is a function of its inputs only within one.
pub(super) const RELEASE: &str = env!("CARGO_PKG_VERSION");

/// How often the conductor asks for a sign of life.
pub(super) const BEAT: Duration = Duration::from_millis(500);

/// How long an end may say nothing, or take nothing of what is sent to it.
pub(super) const PATIENCE: Duration = Duration::from_secs(15);

/// Bytes that are sent in one message.
pub(super) const CHUNK: usize = 64 << 10;

/// Addresses that are sent in one message.
pub(super) const ADDRESSES: usize = 512;

/// The longest that an address may be.
const ADDRESS: usize = 256;

/// The most that the inputs of a plan may come to, bytes.
pub(super) const INPUTS: u64 = 2 << 30;

/// How long a last word may take.
pub(super) const FAREWELL: Duration = Duration::from_secs(2);

/// The longest reason that is taken from the other end.
pub(super) const REASON: usize = 1000;

/// What the conductor says.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) enum ToProcess {
    /// Say who you are, and prove it by this.
    Challenge(Nonce),
    /// Not you, and why.
    Refused(String),
    /// What the plan is made from follows, and how it is run.
    Inputs(Header),
    /// The next bytes of it.
    Bytes(Vec<u8>),
    /// When was this, by your clock? The instant is the conductor's own, in ns.
    Ping(u64),
    /// Where peers are.
    Addresses(Vec<Move>),
    /// Peers may dial.
    Connect,
    /// The run starts at this instant of your clock, ns.
    Begin(u64),
    /// The run ends now.
    Halt,
    /// Peers may go.
    Leave,
    /// All has come that you had to say.
    Thanks,
}

/// What a process says.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) enum ToConductor {
    /// Who it is.
    Join {
        /// What it runs, by its release.
        release: String,
        /// Its first peer.
        first: u32,
        /// How many it has.
        count: u32,
        /// Its number at the system that it runs on.
        process: u32,
        /// As [`super::challenge::prove`] makes them.
        proofs: Vec<Vec<u8>>,
    },
    /// When it got a ping and when it answered, by its own clock, and what the ping said; ns.
    Pong { asked: u64, received: u64, answered: u64 },
    /// Where its peers are.
    Addresses(Vec<Move>),
    /// Those that are there from the beginning listen, or never will.
    Ready,
    /// How far it has come.
    Phase(Phase),
    /// What happened, as [`super::log`] packs it.
    Log(Vec<u8>),
    /// A part of what it leaves behind, as [`super::pieces`] packs it.
    Piece(Vec<u8>),
    /// That was all.
    Done,
    /// It cannot go on, and why.
    Failed(String),
}

/// What the plan is made from, by the lengths of its parts, and how it is run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Header {
    pub(super) seed: u64,
    /// The file that the scenario came in, to name it.
    pub(super) name: String,
    /// Bytes of the scenario.
    pub(super) scenario: u64,
    /// Names and bytes of the files that it names.
    pub(super) files: Vec<(String, u64)>,
    pub(super) transport: Transport,
    pub(super) bare_links: bool,
}

impl Header {
    /// Bytes in all, unless that is too many.
    pub(super) fn total(&self) -> Option<u64> {
        let mut files = self.files.iter().map(|(_, len)| *len);
        let total = files.try_fold(self.scenario, u64::checked_add)?;
        (total <= INPUTS).then_some(total)
    }

    /// The scenario and its files, from all their bytes. None, when these are no text.
    pub(super) fn divide(&self, mut bytes: Vec<u8>) -> Option<(Vec<u8>, Files)> {
        let mut rest = bytes.split_off(usize::try_from(self.scenario).ok()?.min(bytes.len()));
        let mut files = Files::new();
        for (name, len) in &self.files {
            let after = rest.split_off(usize::try_from(*len).ok()?.min(rest.len()));
            files.insert(name.clone(), String::from_utf8(rest).ok()?);
            rest = after;
        }
        Some((bytes, files))
    }
}

/// A peer that is at an address now, or at none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Move(u32, Option<Vec<u8>>);

impl From<&Moved> for Move {
    fn from((peer, address): &Moved) -> Self {
        Self(peer.0, address.as_ref().map(Multiaddr::to_vec))
    }
}

impl Move {
    /// What it says; none, when that is no address.
    pub(super) fn read(self) -> Option<Moved> {
        let Self(peer, address) = self;
        let address = match address {
            Some(bytes) if bytes.len() > ADDRESS => return None,
            Some(bytes) => Some(Multiaddr::try_from(bytes).ok()?),
            None => None,
        };
        Some((Peer(peer), address))
    }
}

/// Addresses in messages that are not too long.
pub(super) fn address_book(moves: &[Moved]) -> impl Iterator<Item = Vec<Move>> + '_ {
    moves.chunks(ADDRESSES).map(|some| some.iter().map(Move::from).collect())
}

/// What the other end said, as far as it is printed: one line that is not too long.
pub(super) fn reason(told: &str) -> String {
    told.chars().filter(|c| !c.is_control()).take(REASON).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(scenario: u64, files: &[(&str, u64)]) -> Header {
        let files = files.iter().map(|(name, len)| ((*name).to_owned(), *len)).collect();
        let transport = Transport::Tcp;
        Header { seed: 1, name: "a.yaml".to_owned(), scenario, files, transport, bare_links: false }
    }

    #[test]
    fn inputs_are_divided_as_they_were_put_together() {
        let header = header(3, &[("a", 2), ("b", 0), ("c", 1)]);
        assert_eq!(header.total(), Some(6));
        let (scenario, files) = header.divide(b"xyzaac".to_vec()).unwrap();
        assert_eq!(scenario, b"xyz");
        let files: Vec<_> = files.iter().map(|(name, text)| format!("{name}={text}")).collect();
        assert_eq!(files, ["a=aa", "b=", "c=c"]);
    }

    #[test]
    fn inputs_that_are_too_long_are_refused_before_memory_is_taken() {
        assert_eq!(header(INPUTS, &[]).total(), Some(INPUTS));
        assert_eq!(header(INPUTS, &[("a", 1)]).total(), None);
        assert_eq!(header(u64::MAX, &[("a", u64::MAX)]).total(), None);
        assert!(header(1, &[("a", 1)]).divide(vec![b'x', 0xff]).is_none(), "it is no text");
    }

    #[test]
    fn addresses_are_read_as_they_were_told_and_no_others() {
        let here = (Peer(3), Some("/ip4/127.0.0.1/tcp/80".parse().unwrap()));
        let gone = (Peer(4), None);
        let told = [here, gone];
        let read: Vec<_> = address_book(&told).flatten().map(|it| it.read().unwrap()).collect();
        assert_eq!(read, told);
        assert!(Move(1, Some(vec![255, 255])).read().is_none());
        let long: Multiaddr = "/ip4/127.0.0.1/tcp/80".repeat(40).parse().unwrap();
        assert!(Move::from(&(Peer(0), Some(long))).read().is_none());
        let many = vec![(Peer(0), None); ADDRESSES + 1];
        assert_eq!(address_book(&many).map(|some| some.len()).collect::<Vec<_>>(), [ADDRESSES, 1]);
    }

    #[test]
    fn a_reason_is_one_line_that_is_not_too_long() {
        assert_eq!(reason("it\x1b[31m\nfailed"), "it[31mfailed");
        assert_eq!(reason(&"x".repeat(2 * REASON)).len(), REASON);
    }
}
