//! What the network carried and what it lost: every message is accounted for.

use peerlab_scenarios::wire::Kind;

/// Why a message did not arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// No connection stood when it was sent.
    Closed,
    /// The network lost it: a datagram, or a reliable message too often.
    Path,
    /// A datagram found a full queue.
    Queue,
    /// A fault cut its path.
    Cut,
    /// Its receiver was not there any more, or had started anew since their connection was made.
    Offline,
    /// It was on its way in bulk when its connection ended.
    Broken,
    /// It was on its way in bulk when its receiver gave it up.
    Aborted,
    /// Its relay had gone, or had ended its circuit.
    Relay,
}

impl Loss {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Closed,
        Self::Path,
        Self::Queue,
        Self::Cut,
        Self::Offline,
        Self::Broken,
        Self::Aborted,
        Self::Relay,
    ];

    /// As it stands in a report.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Path => "path",
            Self::Queue => "queue",
            Self::Cut => "cut",
            Self::Offline => "offline",
            Self::Broken => "broken",
            Self::Aborted => "aborted",
            Self::Relay => "relay",
        }
    }
}

/// Messages and bytes of one kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Volume {
    /// Messages.
    pub messages: u64,
    /// Bytes of their frames, without what packets cost besides.
    pub bytes: u64,
}

/// The account of a run's messages.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Handed to the network, by kind.
    pub sent: [Volume; Kind::ALL.len()],
    /// Seen by a machine.
    pub delivered: u64,
    /// Lost, by reason.
    pub lost: [u64; Loss::ALL.len()],
    /// Still on their way when the run ended.
    pub in_flight: u64,
}

impl Traffic {
    /// A message of so many bytes was handed to the network.
    #[inline]
    pub fn sent(&mut self, kind: Kind, bytes: u32) {
        let volume = &mut self.sent[usize::from(kind.number())];
        volume.messages += 1;
        volume.bytes += u64::from(bytes);
    }

    /// One of them did not arrive.
    #[inline]
    pub fn lost(&mut self, why: Loss) {
        self.lost[why as usize] += 1;
    }

    /// Adds the account of other messages.
    pub fn add(&mut self, other: &Self) {
        for (mine, theirs) in self.sent.iter_mut().zip(&other.sent) {
            mine.messages += theirs.messages;
            mine.bytes += theirs.bytes;
        }
        self.lost.iter_mut().zip(&other.lost).for_each(|(mine, theirs)| *mine += theirs);
        self.delivered += other.delivered;
        self.in_flight += other.in_flight;
    }

    /// Messages handed to the network.
    #[must_use]
    pub fn messages(&self) -> u64 {
        self.sent.iter().map(|volume| volume.messages).sum()
    }

    /// Sent less delivered, lost and in flight: 0 when every message is accounted for.
    #[must_use]
    pub fn imbalance(&self) -> i128 {
        let known = self.delivered + self.lost.iter().sum::<u64>() + self.in_flight;
        i128::from(self.messages()) - i128::from(known)
    }
}
