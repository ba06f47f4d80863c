//! When each peer is there: sessions, drawn lazily, one stream a peer.

use std::collections::VecDeque;

use super::PlanError;
use crate::{
    host::Peer,
    seed::{Rng, Seed},
    spec::{Churn, Group, Initially, Join, Leave, Online, Weekly},
    units::Nanos,
};

/// A time online.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Session {
    /// From this instant.
    pub from: Nanos,
    /// To this one, or [`Nanos::NEVER`].
    pub to: Nanos,
    /// How it ends.
    pub leave: Leave,
}

/// The sessions of one peer, in order, without overlaps; endless for peers that churn.
#[derive(Clone, Debug)]
pub struct Sessions(Kind);

#[derive(Clone, Debug)]
enum Kind {
    /// What is left of a list.
    Listed(VecDeque<Session>),
    Churning {
        churn: Churn,
        rng: Rng,
        next: Nanos,
        online: bool,
        joined: Nanos,
    },
    Weekly {
        schedule: Weekly,
        rng: Rng,
        day: u64,
        joined: Nanos,
        free_from: Nanos,
    },
}

const DAY: u64 = 86_400_000_000_000;

/// Cycles that a stationary peer has behind it when it joins: enough to forget where it began.
const CYCLES_BEFORE: u64 = 20;

/// Sessions and gaps that are drawn for that at the most.
const MOST_DRAWS_BEFORE: u32 = 10_000;

impl Sessions {
    /// The sessions of `peer`, which is of `group`; `recorded` are its lines of the group's trace.
    #[must_use]
    pub(super) fn new(group: &Group, peer: Peer, seed: Seed, recorded: Option<&[(Nanos, Nanos)]>) -> Self {
        let mut rng = seed.stream("sessions", &[u64::from(peer.0)]);
        let joined = match &group.join {
            Join::AtStart(_) => Nanos::ZERO,
            Join::At(at) => at.time,
            Join::Poisson(poisson) => rng.below_nanos(poisson.over),
        };
        if let Some(recorded) = recorded {
            let sessions = recorded.iter().filter(|(_, to)| *to > joined);
            let sessions =
                sessions.map(|&(from, to)| Session { from: from.max(joined), to, leave: Leave::Crash });
            return Self(Kind::Listed(sessions.collect()));
        }
        Self(match (&group.churn, &group.online) {
            (Some(churn), _) => churning(churn.clone(), rng, joined),
            (None, Some(Online::Weekly(schedule))) => {
                Kind::Weekly { schedule: schedule.clone(), rng, day: 0, joined, free_from: Nanos::ZERO }
            }
            (None, Some(Online::Trace(_)) | None) => Kind::Listed(VecDeque::from([Session {
                from: joined,
                to: Nanos::NEVER,
                leave: Leave::Crash,
            }])),
        })
    }
}

fn churning(churn: Churn, mut rng: Rng, joined: Nanos) -> Kind {
    let (mut next, mut online) = (joined, true);
    if churn.initially == Initially::Stationary {
        // A renewal process that began long ago: walk it up to the instant of joining, in time counted from its start.
        let mean = |distribution: &crate::spec::Distribution| {
            distribution.mean().unwrap_or(Nanos::from_secs(3600)).0
        };
        let cycle = mean(&churn.online).saturating_add(mean(&churn.offline)).max(1);
        let age = cycle.saturating_mul(CYCLES_BEFORE).min(u64::MAX / 2);
        let mut at = 0u64;
        // Of tails so heavy that the mean says nothing of an ordinary draw, no walk of bearable length comes to an end.
        for _ in 0..MOST_DRAWS_BEFORE {
            let lasts = if online { churn.online.draw(&mut rng) } else { churn.offline.draw(&mut rng) };
            at = at.saturating_add(lasts.0.max(1));
            if at > age {
                break;
            }
            online = !online;
        }
        let remaining = Nanos(at.saturating_sub(age).max(1));
        if online {
            // The session under way, then churn from its end on.
            next = joined.saturating_add(remaining);
            return Kind::Churning { churn, rng, next, online: false, joined };
        }
        next = next.saturating_add(remaining);
        online = true;
    }
    Kind::Churning { churn, rng, next, online, joined: Nanos::NEVER }
}

impl Iterator for Sessions {
    type Item = Session;

    fn next(&mut self) -> Option<Session> {
        match &mut self.0 {
            Kind::Listed(list) => list.pop_front(),
            Kind::Churning { churn, rng, next, online, joined } => {
                let leave = churn.leave;
                if !*online && *joined != Nanos::NEVER {
                    let session = Session { from: *joined, to: *next, leave };
                    *joined = Nanos::NEVER;
                    *next = next.saturating_add(churn.offline.draw(rng).max(Nanos(1)));
                    *online = true;
                    return Some(session);
                }
                let from = *next;
                if from == Nanos::NEVER {
                    return None;
                }
                let to = from.saturating_add(churn.online.draw(rng).max(Nanos(1)));
                *next = to.saturating_add(churn.offline.draw(rng).max(Nanos(1)));
                Some(Session { from, to, leave })
            }
            Kind::Weekly { schedule, rng, day, joined, free_from } => loop {
                let midnight = day.checked_mul(DAY)?;
                let since_monday = schedule.starts_at.0 / DAY + *day;
                let offset = schedule.starts_at.0 % DAY;
                *day += 1;
                let mut early_or_late = |at: Nanos| {
                    let shifted = midnight + at.0 + rng.below_nanos(Nanos(schedule.jitter.0 * 2 + 1)).0;
                    Nanos(shifted.saturating_sub(offset + schedule.jitter.0))
                };
                let (from, to) = (
                    early_or_late(schedule.from.since_midnight()),
                    early_or_late(schedule.to.since_midnight()),
                );
                let from = from.max(*joined).max(*free_from);
                let works = schedule.days.iter().any(|&weekday| weekday as u64 == since_monday % 7);
                if works && from < to {
                    *free_from = Nanos(to.0 + 1);
                    return Some(Session { from, to, leave: Leave::Graceful });
                }
            },
        }
    }
}

/// Reads a trace of sessions: a line `peer,from,to` each, in seconds, peers numbered within the group from 0.
pub(super) fn read_trace(text: &str, count: u32) -> Result<Recorded, String> {
    let mut sessions = vec![Vec::new(); count as usize];
    for (number, line) in text.lines().enumerate().map(|(index, line)| (index + 1, line.trim())) {
        if line.is_empty() || line.starts_with('#') || (number == 1 && line == "peer,from,to") {
            continue;
        }
        let fields: Vec<_> = line.split(',').map(str::trim).collect();
        let &[peer, from, to] = fields.as_slice() else {
            return Err(format!("line {number}: `{line}` is not `peer,from,to`"));
        };
        let index: u32 = peer.parse().map_err(|_| format!("line {number}: `{peer}` is no peer"))?;
        let seconds = |text: &str| {
            let seconds = text.parse::<f64>().ok().filter(|seconds| (0.0..=1e9).contains(seconds));
            seconds
                .map(|seconds| Nanos((seconds * 1e9) as u64))
                .ok_or(format!("line {number}: `{text}` is no time in seconds"))
        };
        let (from, to) = (seconds(from)?, seconds(to)?);
        let list = sessions.get_mut(index as usize);
        let list =
            list.ok_or_else(|| format!("line {number}: there is no peer {index} in a group of {count}"))?;
        if from >= to || list.last().is_some_and(|&(_, last)| last >= from) {
            return Err(format!(
                "line {number}: a peer's sessions must follow one another, each ending after it begins"
            ));
        }
        list.push((from, to));
    }
    Ok(sessions)
}

/// The recorded sessions of a group, by peer.
pub(super) type Recorded = Vec<Vec<(Nanos, Nanos)>>;

/// The recorded sessions of every group that names a trace.
pub(super) fn traces(
    groups: &[super::GroupPlan],
    text_of: impl Fn(&str) -> Option<String>,
) -> Result<Vec<Option<Recorded>>, PlanError> {
    let trace = |(number, group): (usize, &super::GroupPlan)| {
        let Some(Online::Trace(trace)) = &group.spec.online else { return Ok(None) };
        let path = format!("spec.groups[{number}].online.trace.file");
        let text = text_of(&trace.file).ok_or_else(|| {
            PlanError::new(path.clone(), format!("there is no text in the file `{}`", trace.file))
        })?;
        read_trace(&text, group.count)
            .map(Some)
            .map_err(|why| PlanError::new(path, format!("`{}`: {why}", trace.file)))
    };
    groups.iter().enumerate().map(trace).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::{Distribution, Exponential, Weibull};

    fn group(edit: impl FnOnce(&mut Group)) -> Group {
        let mut group: Group =
            serde_json::from_value(serde_json::json!({ "name": "g", "peers": 1 })).unwrap();
        edit(&mut group);
        group
    }

    fn churn(initially: Initially) -> Churn {
        let online = Distribution::Weibull(Weibull { shape: 0.6, mean: Nanos::from_secs(30) });
        let offline = Distribution::Exponential(Exponential { mean: Nanos::from_secs(10) });
        Churn { online, offline, leave: Leave::Crash, initially }
    }

    #[test]
    fn a_peer_that_neither_churns_nor_joins_late_is_always_there() {
        let sessions: Vec<_> = Sessions::new(&group(|_| ()), Peer(0), Seed(1), None).collect();
        assert_eq!(sessions, [Session { from: Nanos::ZERO, to: Nanos::NEVER, leave: Leave::Crash }]);
    }

    #[test]
    fn sessions_never_overlap_and_have_their_mean() {
        let group = group(|group| group.churn = Some(churn(Initially::Online)));
        let (mut online, mut sessions, mut last) = (0.0, 0, Nanos::ZERO);
        for session in Sessions::new(&group, Peer(3), Seed(1), None).take(20_000) {
            assert!(session.from >= last && session.to > session.from);
            last = session.to;
            online += Nanos(session.to.0 - session.from.0).as_secs_f64();
            sessions += 1;
        }
        let mean = online / f64::from(sessions);
        assert!((mean / 30.0 - 1.0).abs() < 0.05, "{mean}");
    }

    #[test]
    fn of_stationary_peers_the_right_share_is_online_at_any_instant() {
        let group = group(|group| group.churn = Some(churn(Initially::Stationary)));
        for at in [Nanos::ZERO, Nanos::from_secs(60)] {
            let there = |peer: u32| {
                let mut sessions = Sessions::new(&group, Peer(peer), Seed(1), None);
                sessions.find(|session| session.to > at).is_some_and(|session| session.from <= at)
            };
            let share = (0..4_000).filter(|&peer| there(peer)).count() as f64 / 4_000.0;
            assert!((share - 0.75).abs() < 0.03, "at {at}: {share}");
        }
    }

    #[test]
    fn office_hours_leave_the_weekend_free() {
        let weekly = serde_json::json!({ "weekly": { "from": "09:00", "to": "17:30", "startsAt": "12h" } });
        let group = group(|group| group.online = Some(serde_json::from_value(weekly).unwrap()));
        let sessions: Vec<_> = Sessions::new(&group, Peer(0), Seed(1), None).take(6).collect();
        let hours: Vec<_> =
            sessions.iter().map(|s| (s.from.as_secs_f64() / 3600.0, s.to.as_secs_f64() / 3600.0)).collect();
        assert_eq!(
            hours,
            [(0.0, 5.5), (21.0, 29.5), (45.0, 53.5), (69.0, 77.5), (93.0, 101.5), (165.0, 173.5)]
        );
    }

    #[test]
    fn a_trace_is_read_or_says_where_it_is_wrong() {
        let sessions = read_trace("peer,from,to\n0,1.5,2\n0,3,4\n", 1).unwrap();
        assert_eq!(
            sessions,
            [vec![(Nanos(1_500_000_000), Nanos::from_secs(2)), (Nanos::from_secs(3), Nanos::from_secs(4))]]
        );
        assert_eq!(read_trace("1,2,3\n", 1).unwrap_err(), "line 1: there is no peer 1 in a group of 1");
        assert!(read_trace("0,3,2\n", 1).unwrap_err().starts_with("line 1: a peer's sessions must follow"));
        assert!(read_trace("0,nan,2\n", 1).is_err());
    }
}
