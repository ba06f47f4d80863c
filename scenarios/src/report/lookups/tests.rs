use super::*;
use crate::{
    seed::Seed,
    spec::{Count, lookups::LookupsSpec},
};

fn recorder() -> LookupsRecorder {
    let spec = LookupsSpec { contents: Count::new(1), copies: Count::new(1), ..LookupsSpec::default() };
    let all: Vec<Peer> = (0..9).map(Peer).collect();
    let plan = LookupsPlan::new(spec, 0, all.clone(), &[Peer(3)], all, Seed(1), Nanos::from_secs(100));
    let window = Nanos::from_secs(10)..Nanos::from_secs(100);
    let mut recorder = LookupsRecorder::new(Arc::new(plan), window);
    (0..9).for_each(|peer| recorder.peer_up(Nanos::ZERO, Peer(peer)));
    recorder
}

fn asked(began: u64) -> Asked {
    Asked { began: Nanos::from_secs(began), hops: Some(3), requests: 7, failed: 1 }
}

fn share(recorder: &LookupsRecorder, metric: Metric) -> Tally {
    recorder.shares().into_iter().find(|(it, _)| *it == metric).expect("it is measured").1
}

#[test]
fn what_began_before_the_warm_up_ended_or_is_of_another_workload_does_not_count() {
    let mut recorder = recorder();
    for (workload, began) in [(0, 9), (1, 20), (0, 20)] {
        let fact = Fact::ProvidersSought { workload, content: 0, count: 1, asked: asked(began) };
        recorder.record(Nanos::from_secs(21), &fact);
    }
    assert_eq!(recorder.sought(), 1);
    assert_eq!((recorder.times().0.len(), recorder.times().0.max()), (1, 1_000_000_000));
}

#[test]
fn what_was_not_found_took_requests_but_no_time() {
    let mut recorder = recorder();
    let fact = Fact::ProvidersSought { workload: 0, content: 0, count: 0, asked: asked(20) };
    recorder.record(Nanos::from_secs(21), &fact);
    assert_eq!(share(&recorder, metric::FIND_SUCCESS), Tally { good: 0, all: 1 });
    assert_eq!((recorder.find.time.len(), recorder.find.requests.len()), (0, 1));
}

#[test]
fn a_peer_that_was_not_there_all_the_time_is_not_held_against_discovery() {
    let mut recorder = recorder();
    let sought =
        |peer: u32| Fact::PeerSought { workload: 0, peer: Peer(peer), found: false, asked: asked(20) };
    recorder.peer_down(Peer(1));
    recorder.peer_down(Peer(2));
    recorder.peer_up(Nanos::from_secs(21), Peer(2));
    (1..4).for_each(|peer| recorder.record(Nanos::from_secs(22), &sought(peer)));
    assert_eq!(share(&recorder, metric::PEER_SUCCESS), Tally { good: 0, all: 1 });
}

#[test]
fn providers_that_are_gone_are_stale_and_those_that_never_were_are_wrong() {
    let mut recorder = recorder();
    let found = |provider: u32| Fact::ProviderFound {
        workload: 0,
        content: 0,
        provider: Peer(provider),
        began: Nanos::from_secs(20),
    };
    recorder.record(Nanos::from_secs(21), &found(3));
    recorder.peer_down(Peer(3));
    recorder.record(Nanos::from_secs(22), &found(3));
    recorder.record(Nanos::from_secs(22), &found(4));
    assert_eq!(recorder.wrong(), Tally { good: 1, all: 3 });
    assert_eq!(share(&recorder, metric::FIND_STALE), Tally { good: 1, all: 3 });
}
