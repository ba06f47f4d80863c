//! Which part of a run peers are there, from the sessions planned for a sample of them.

use super::{GroupPlan, Plan};
use crate::{host::Peer, units::Nanos};

/// Peers of a group that are asked: for the share of peers that come and go, that is a standard error of 4 % of the run at the
/// most.
const SAMPLE: u32 = 128;

/// Sessions of one peer that are looked at. Of one that comes and goes more often, the time until then stands for the rest.
const MOST_SESSIONS: usize = 1_000;

impl Plan {
    /// The mean share of the run, cool-down included, that the peers of each group are online by the plan, from 0 to 1, in the
    /// order of [`Peers::groups`](super::Peers::groups). Faults are left out.
    #[must_use]
    pub fn attendance(&self) -> Vec<f64> {
        self.peers.groups().iter().map(|group| self.attendance_of(group)).collect()
    }

    fn attendance_of(&self, group: &GroupPlan) -> f64 {
        let asked = group.count.min(SAMPLE);
        if asked == 0 {
            return 0.0;
        }
        // Spread over the group, for a trace may tell of its peers in order of anything.
        let place = |number: u32| (u64::from(number) * u64::from(group.count) / u64::from(asked)) as u32;
        let shares = (0..asked).map(|number| self.attendance_of_peer(Peer(group.first.0 + place(number))));
        shares.sum::<f64>() / f64::from(asked)
    }

    fn attendance_of_peer(&self, peer: Peer) -> f64 {
        let end = self.spec.end();
        let (mut online, mut until) = (0u64, end);
        let sessions = self.sessions(peer).take_while(|session| session.from < end);
        for (number, session) in sessions.enumerate() {
            if number == MOST_SESSIONS {
                until = session.from;
                break;
            }
            online += session.to.min(end).saturating_sub(session.from).0;
        }
        if until == Nanos::ZERO { 1.0 } else { online as f64 / until.0 as f64 }
    }
}

#[cfg(test)]
mod tests {
    use crate::{
        plan::{Files, Plan},
        seed::Seed,
        spec::read::read,
    };

    fn attendance(groups: &str) -> Vec<f64> {
        let text = format!(
            "apiVersion: peerlab.dev/v1alpha1
kind: Scenario
metadata: {{name: attendance}}
spec:
  duration: 24h
  groups: [{groups}]
  workloads: [{{name: talk, chat: {{}}}}]
"
        );
        let scenario = read("attendance", text.as_bytes()).unwrap_or_else(|problems| panic!("{problems:?}"));
        Plan::new(&scenario, Seed(1), &Files::new()).expect("it can be planned").attendance()
    }

    #[test]
    fn each_group_is_there_as_long_as_its_sessions_say() {
        let shares = attendance(
            "{name: servers, peers: 3}, \
             {name: late, peers: 40, join: {at: {time: 18h}}}, \
             {name: office, peers: 300, online: {weekly: {from: \"09:00\", to: \"10:00\"}}}, \
             {name: homes, peers: 300, churn: {online: {exponential: {mean: 10m}}, offline: {exponential: {mean: 30m}}}}",
        );
        assert_eq!(shares[0], 1.0);
        // The cool-down counts as well.
        assert!((shares[1] - 0.25).abs() < 0.001, "{shares:?}");
        assert!((shares[2] * 24.0 - 1.0).abs() < 0.1, "{shares:?}");
        assert!((shares[3] - 0.25).abs() < 0.02, "{shares:?}");
    }

    #[test]
    fn who_comes_and_goes_all_the_time_is_asked_for_a_while() {
        let blink = "{name: blink, peers: 10, churn: {online: {constant: {value: 1ms}}, offline: {constant: {value: 3ms}}}}";
        assert!((attendance(blink)[0] - 0.25).abs() < 0.001);
    }
}
