//! Who is there, and what is to be done next.
//!
//! A pure state machine: it is told what happens and what time it is, and says what the next step is. Processes are named by
//! their first peer.

use std::{collections::BTreeMap, ops::Range};

use peerlab_scenarios::{host::Peer, units::Nanos};

use crate::fleet::{Phase, named};

/// How long neighbours may take to connect, and peers to say their last and what they leave behind, ns.
const CONNECTS_WITHIN: u64 = 60_000_000_000;
const ENDS_WITHIN: u64 = 40_000_000_000;
const LEAVES_WITHIN: u64 = 60_000_000_000;

/// What happens to a process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Happens {
    /// Its first peers listen.
    Ready,
    /// It tells how far it has come.
    Phase(Phase),
    /// It has left all behind.
    Done,
    /// Its connection is gone, and why: before the start, it may come back.
    Lost(String),
    /// It is gone for good, and why.
    Gone(String),
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// There is no quorum, and there will be none.
    GiveUp,
    /// To tell all where peers are, and that they may dial.
    Connect,
    /// To tell all when the run starts.
    Begin,
    /// To tell all that they may go.
    Leave,
    /// To write the report.
    Finish,
}

/// Why a process cannot join.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    /// The plan has not all of these peers.
    #[error("the plan has {0} peers")]
    Beyond(u32),
    /// It has none.
    #[error("a process has one peer at least")]
    Nobody,
    /// Somebody is there already.
    #[error("{0} is there already")]
    Twice(Peer),
    /// It is late.
    #[error("the run has begun without {0}")]
    Late(Peer),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Waiting,
    Connecting,
    Running,
    Collecting,
    Leaving,
    Over,
}

#[derive(Clone, Debug)]
struct Seat {
    count: u32,
    ready: bool,
    /// Ends of planned connections that stand.
    linked: usize,
    /// Whether its peers are saying their last, and whether all have.
    collects: bool,
    drained: (usize, usize),
    done: bool,
    lost: Option<String>,
}

impl Seat {
    const fn is_alive(&self) -> bool {
        self.lost.is_none() && !self.done
    }
}

/// Who is there, of a run.
#[derive(Clone, Debug)]
pub(super) struct Muster {
    peers: u32,
    least: u32,
    deadline: Nanos,
    seats: BTreeMap<u32, Seat>,
    /// Why those are missing that will not come.
    absent: BTreeMap<u32, (u32, String)>,
    stage: Stage,
    /// When that began.
    since: Nanos,
    wanted: usize,
    halted: bool,
}

/// The peers that are missing at the deadline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing(BTreeMap<Peer, String>);

impl Missing {
    /// How many.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether none is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Each, and why.
    pub(super) fn into_inner(self) -> BTreeMap<Peer, String> {
        self.0
    }
}

impl std::fmt::Display for Missing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&named(self.0.iter()))
    }
}

impl Muster {
    /// Of a plan with so many peers, of which at least so many must be there at the deadline.
    pub(super) fn new(peers: u32, least: u32, deadline: Nanos) -> Self {
        Self {
            peers,
            least,
            deadline,
            seats: BTreeMap::new(),
            absent: BTreeMap::new(),
            stage: Stage::Waiting,
            since: Nanos::ZERO,
            wanted: 0,
            halted: false,
        }
    }

    /// Lets a process with so many peers from `first` on take its seat.
    pub(super) fn admit(&mut self, first: u32, count: u32) -> Result<(), Refusal> {
        let end =
            first.checked_add(count).filter(|end| *end <= self.peers).ok_or(Refusal::Beyond(self.peers))?;
        if count == 0 {
            return Err(Refusal::Nobody);
        }
        let before = self.seats.range(..end).next_back();
        if let Some((&other, _)) = before.filter(|(other, seat)| **other + seat.count > first) {
            return Err(Refusal::Twice(Peer(other.max(first))));
        }
        if self.stage != Stage::Waiting {
            return Err(Refusal::Late(Peer(first)));
        }
        self.absent.retain(|from, (count, _)| *from >= end || *from + *count <= first);
        let seat = Seat {
            count,
            ready: false,
            linked: 0,
            collects: false,
            drained: (0, 0),
            done: false,
            lost: None,
        };
        self.seats.insert(first, seat);
        Ok(())
    }

    /// Something has happened to a process with so many peers from `first` on.
    pub(super) fn tell(&mut self, peers: &Range<u32>, happens: Happens) {
        let is_waiting = self.stage == Stage::Waiting;
        if let (Happens::Gone(why), true) = (&happens, is_waiting) {
            self.absent.insert(peers.start, (peers.end - peers.start, why.clone()));
        }
        if is_waiting && matches!(happens, Happens::Lost(_) | Happens::Gone(_)) {
            self.seats.remove(&peers.start);
            return;
        }
        let Some(seat) = self.seats.get_mut(&peers.start) else { return };
        match happens {
            Happens::Ready => seat.ready = true,
            Happens::Phase(Phase::Connecting { up, .. }) => seat.linked = up,
            Happens::Phase(Phase::Collecting { done, of }) => {
                seat.collects = true;
                seat.drained = (done, of);
            }
            Happens::Done => seat.done = true,
            Happens::Lost(why) if seat.is_alive() => seat.lost = Some(why),
            // That a connection ended says less than how its process did.
            Happens::Gone(why) if !seat.done => seat.lost = Some(why),
            Happens::Phase(Phase::Starting { .. } | Phase::Running { .. })
            | Happens::Lost(_)
            | Happens::Gone(_) => {}
        }
    }

    /// So many connections should stand before the run starts.
    pub(super) const fn want(&mut self, links: usize) {
        self.wanted = links;
    }

    /// The run is to end before its time. It is over when all have told what they have until then.
    pub(super) const fn halt(&mut self) {
        self.halted = true;
    }

    /// Connections that stand, and how many should.
    pub(super) fn links(&self) -> (usize, usize) {
        let ends: usize = self.alive().map(|(_, seat)| seat.linked).sum();
        ((ends / 2).min(self.wanted), self.wanted)
    }

    /// Peers whose processes are ready.
    fn ready(&self) -> u32 {
        self.alive().filter(|(_, seat)| seat.ready).map(|(_, seat)| seat.count).sum()
    }

    fn alive(&self) -> impl Iterator<Item = (u32, &Seat)> {
        self.seats.iter().filter(|(_, seat)| seat.is_alive()).map(|(first, seat)| (*first, seat))
    }

    /// The processes that are there, by their peers.
    pub(super) fn present(&self) -> impl Iterator<Item = Range<u32>> + '_ {
        self.alive().map(|(first, seat)| first..first + seat.count)
    }

    /// What is to be done next, if anything is. To be asked again until nothing is.
    pub(super) fn next(&mut self, now: Nanos) -> Option<Step> {
        let passed = now.saturating_sub(self.since).0;
        let (stage, step) = match self.stage {
            Stage::Waiting => self.after_waiting(now)?,
            Stage::Connecting | Stage::Running if self.alive().next().is_none() => {
                (Stage::Over, Step::Finish)
            }
            Stage::Connecting => {
                let (up, of) = self.links();
                if self.halted || (up < of && passed < CONNECTS_WITHIN) {
                    return None;
                }
                (Stage::Running, Step::Begin)
            }
            Stage::Running => {
                if !self.alive().any(|(_, seat)| seat.collects) {
                    return None;
                }
                self.stage = Stage::Collecting;
                self.since = now;
                return self.next(now);
            }
            Stage::Collecting => {
                let has = |seat: &Seat| seat.collects && seat.drained.0 >= seat.drained.1;
                if !self.alive().all(|(_, seat)| has(seat)) && passed < ENDS_WITHIN {
                    return None;
                }
                (Stage::Leaving, Step::Leave)
            }
            Stage::Leaving => {
                if passed >= LEAVES_WITHIN {
                    let late = "its process did not report in time";
                    self.seats.values_mut().filter(|seat| seat.is_alive()).for_each(|seat| {
                        seat.lost = Some(late.to_owned());
                    });
                }
                if self.alive().next().is_some() {
                    return None;
                }
                (Stage::Over, Step::Finish)
            }
            Stage::Over => return None,
        };
        self.stage = stage;
        self.since = now;
        Some(step)
    }

    fn after_waiting(&self, now: Nanos) -> Option<(Stage, Step)> {
        let ready = self.ready();
        let never: u32 = self.absent.values().map(|(count, _)| *count).sum();
        let everybody = self.peers.saturating_sub(never);
        if self.halted || everybody < self.least {
            return Some((Stage::Over, Step::GiveUp));
        }
        if ready >= everybody {
            return Some((Stage::Connecting, Step::Connect));
        }
        if now < self.deadline {
            return None;
        }
        let enough = ready >= self.least;
        Some(if enough { (Stage::Connecting, Step::Connect) } else { (Stage::Over, Step::GiveUp) })
    }

    /// Whether the run waits for peers still.
    pub(super) fn is_waiting(&self) -> bool {
        self.stage == Stage::Waiting
    }

    /// How far all have come together, before and after the run itself.
    pub(super) fn phase(&self) -> Option<Phase> {
        match self.stage {
            Stage::Waiting => Some(Phase::Starting { up: self.ready() as usize, of: self.peers as usize }),
            Stage::Connecting => {
                let (up, of) = self.links();
                Some(Phase::Connecting { up, of })
            }
            Stage::Collecting | Stage::Leaving => {
                let sum = |part: fn((usize, usize)) -> usize| {
                    self.seats.values().map(|seat| part(seat.drained)).sum::<usize>()
                };
                Some(Phase::Collecting { done: sum(|(done, _)| done), of: sum(|(_, of)| of) })
            }
            Stage::Running | Stage::Over => None,
        }
    }

    /// Peers that never were ready, and why.
    pub(super) fn missing(&self) -> Missing {
        let mut missing = BTreeMap::new();
        let mut peer = 0;
        while peer < self.peers {
            if let Some(seat) = self.seats.get(&peer) {
                if !seat.ready && seat.lost.is_none() {
                    missing.extend(
                        (peer..peer + seat.count).map(|peer| (Peer(peer), "it was not ready".to_owned())),
                    );
                }
                peer += seat.count;
                continue;
            }
            let gone = self.absent.range(..=peer).next_back();
            let why =
                gone.filter(|(from, (count, _))| **from + count > peer).map(|(_, (_, why))| why.clone());
            missing.insert(Peer(peer), why.unwrap_or_else(|| "its process did not come".to_owned()));
            peer += 1;
        }
        Missing(missing)
    }

    /// Peers that were lost after the run had begun to be made, and why.
    pub(super) fn lost(&self) -> impl Iterator<Item = (Peer, &str)> + '_ {
        self.seats
            .iter()
            .filter_map(|(first, seat)| Some((*first..*first + seat.count, seat.lost.as_deref()?)))
            .flat_map(|(peers, why)| peers.map(move |peer| (Peer(peer), why)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEADLINE: Nanos = Nanos::from_secs(60);

    fn seconds(seconds: u64) -> Nanos {
        Nanos::from_secs(seconds)
    }

    /// Twelve peers, of which nine must be there, and three processes of four that have joined.
    fn three() -> Muster {
        let mut muster = Muster::new(12, 9, DEADLINE);
        for first in [0, 4, 8] {
            muster.admit(first, 4).unwrap();
        }
        muster
    }

    fn tell_all(muster: &mut Muster, happens: &Happens) {
        for peers in muster.present().collect::<Vec<_>>() {
            muster.tell(&peers, happens.clone());
        }
    }

    fn phase(phase: Phase) -> Happens {
        Happens::Phase(phase)
    }

    fn collecting(done: usize) -> Happens {
        phase(Phase::Collecting { done, of: 4 })
    }

    #[test]
    fn a_run_goes_from_step_to_step_when_all_are_there() {
        let mut muster = three();
        tell_all(&mut muster, &Happens::Ready);
        assert_eq!(muster.next(seconds(1)), Some(Step::Connect));
        muster.want(6);
        assert_eq!(muster.next(seconds(1)), None);
        tell_all(&mut muster, &phase(Phase::Connecting { up: 3, of: 0 }));
        assert_eq!((muster.links(), muster.next(seconds(2))), ((4, 6), None));
        tell_all(&mut muster, &phase(Phase::Connecting { up: 4, of: 0 }));
        assert_eq!(muster.next(seconds(2)), Some(Step::Begin));
        assert_eq!(muster.next(seconds(500)), None, "a run takes as long as it takes");
        muster.tell(&(0..4), collecting(4));
        assert_eq!(muster.next(seconds(501)), None, "others have not begun to say their last");
        tell_all(&mut muster, &collecting(4));
        assert_eq!(muster.next(seconds(502)), Some(Step::Leave));
        muster.tell(&(0..4), Happens::Done);
        assert_eq!(muster.next(seconds(502)), None);
        tell_all(&mut muster, &Happens::Done);
        assert_eq!((muster.next(seconds(503)), muster.next(seconds(503))), (Some(Step::Finish), None));
        assert!(muster.missing().is_empty() && muster.lost().next().is_none());
    }

    #[test]
    fn nobody_has_the_seat_of_another_or_one_that_there_is_not() {
        let mut muster = three();
        assert_eq!(muster.admit(3, 1), Err(Refusal::Twice(Peer(3))));
        assert_eq!(muster.admit(0, 12), Err(Refusal::Twice(Peer(8))));
        assert_eq!(muster.admit(11, 2), Err(Refusal::Beyond(12)));
        assert_eq!(muster.admit(u32::MAX, 2), Err(Refusal::Beyond(12)));
        assert_eq!(muster.admit(12, 0), Err(Refusal::Nobody));
        muster.tell(&(4..8), Happens::Lost("it was restarted".to_owned()));
        assert_eq!(muster.admit(4, 2), Ok(()), "who was lost before the start may come back");
        assert_eq!(muster.admit(6, 2), Ok(()));
        tell_all(&mut muster, &Happens::Ready);
        muster.tell(&(6..8), Happens::Lost("it was restarted".to_owned()));
        assert_eq!(muster.next(DEADLINE), Some(Step::Connect));
        assert_eq!(muster.admit(6, 2), Err(Refusal::Late(Peer(6))));
    }

    #[test]
    fn a_quorum_is_enough_at_the_deadline_and_who_is_missing_is_named() {
        let mut muster = three();
        muster.tell(&(0..4), Happens::Ready);
        muster.tell(&(4..8), Happens::Ready);
        muster.tell(&(8..12), Happens::Lost("its connection ended".to_owned()));
        muster.admit(8, 1).unwrap();
        muster.tell(&(8..9), Happens::Ready);
        assert_eq!(muster.next(Nanos(DEADLINE.0 - 1)), None);
        let mut other = muster.clone();
        assert_eq!(muster.next(DEADLINE), Some(Step::Connect));
        assert_eq!(
            muster.missing().to_string(),
            "peer 9 (its process did not come), peer 10 (its process did not come), peer 11 (its process did not come)"
        );
        other.tell(&(8..9), Happens::Lost("its connection ended".to_owned()));
        assert_eq!(other.next(DEADLINE), Some(Step::GiveUp));
        assert_eq!(other.missing().len(), 4);
    }

    #[test]
    fn whoever_will_never_come_is_not_waited_for() {
        let killed = |muster: &mut Muster, first: u32| {
            muster.tell(&(first..first + 4), Happens::Gone("process 4711 was killed by signal 9".to_owned()));
        };
        let mut muster = three();
        tell_all(&mut muster, &Happens::Ready);
        killed(&mut muster, 8);
        assert_eq!(muster.next(seconds(1)), Some(Step::GiveUp), "eight are fewer than nine");
        assert!(
            muster.missing().to_string().starts_with("peer 8 (process 4711 was killed by signal 9), peer 9")
        );
        let mut muster = Muster { least: 8, ..three() };
        killed(&mut muster, 8);
        assert_eq!(muster.next(seconds(1)), None);
        tell_all(&mut muster, &Happens::Ready);
        assert_eq!(muster.next(seconds(1)), Some(Step::Connect), "there is nobody to wait for");
    }

    #[test]
    fn a_process_that_dies_in_a_run_is_named_by_how_it_died() {
        let mut muster = three();
        tell_all(&mut muster, &Happens::Ready);
        muster.next(seconds(1));
        assert_eq!(muster.next(seconds(1)), Some(Step::Begin), "no connections are wanted");
        muster.tell(&(4..8), Happens::Lost("its connection ended".to_owned()));
        muster.tell(&(4..8), Happens::Gone("process 5 was killed by signal 9".to_owned()));
        muster.tell(&(4..8), Happens::Lost("its connection ended".to_owned()));
        let lost: Vec<_> = muster.lost().map(|(peer, why)| format!("{peer}: {why}")).collect();
        assert_eq!((lost.len(), lost[3].as_str()), (4, "peer 7: process 5 was killed by signal 9"));
        tell_all(&mut muster, &collecting(4));
        assert_eq!(muster.next(seconds(90)), Some(Step::Leave), "the dead say nothing");
        tell_all(&mut muster, &Happens::Done);
        muster.tell(&(0..4), Happens::Gone("it ended".to_owned()));
        assert_eq!((muster.next(seconds(91)), muster.lost().count()), (Some(Step::Finish), 4));
    }

    #[test]
    fn deadlines_end_what_would_not_end() {
        let mut muster = three();
        tell_all(&mut muster, &Happens::Ready);
        assert_eq!(muster.next(seconds(1)), Some(Step::Connect));
        muster.want(100);
        assert_eq!((muster.next(seconds(60)), muster.next(seconds(61))), (None, Some(Step::Begin)));
        muster.tell(&(0..4), collecting(1));
        assert_eq!((muster.next(seconds(100)), muster.next(seconds(140))), (None, Some(Step::Leave)));
        assert_eq!((muster.next(seconds(199)), muster.next(seconds(200))), (None, Some(Step::Finish)));
        assert_eq!(muster.lost().count(), 12);
    }

    #[test]
    fn a_run_of_which_all_are_lost_is_over() {
        let mut muster = three();
        tell_all(&mut muster, &Happens::Ready);
        muster.next(seconds(1));
        muster.next(seconds(1));
        tell_all(&mut muster, &Happens::Lost("its connection ended".to_owned()));
        assert_eq!(muster.next(seconds(2)), Some(Step::Finish));
    }

    #[test]
    fn an_interruption_ends_the_waiting() {
        let mut muster = three();
        muster.halt();
        assert_eq!(muster.next(seconds(1)), Some(Step::GiveUp));
    }
}
