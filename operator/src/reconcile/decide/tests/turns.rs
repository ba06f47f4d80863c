//! More runs than the cluster has room for.

use super::*;

fn other(is_older: bool, runs: bool) -> Other {
    Other { name: "lab/other".to_owned(), is_older, runs }
}

impl World {
    /// A run of which one pod finds no room.
    fn crowded(others: &[Other]) -> Self {
        let mut world = Self::new(chat());
        world.settle();
        world.others = others.to_vec();
        let mut pods = Self::PEER_PODS.map(|name| world.pod(name, Component::Peers));
        pods[3].is_running = false;
        pods[3].waits_for = Some("Unschedulable: 0/1 nodes are available: 1 Insufficient cpu".to_owned());
        world.pods.extend(pods);
        world.settle();
        world
    }
}

#[test]
fn a_run_that_finds_no_room_gives_way_to_an_older_one() {
    let mut world = World::crowded(&[other(true, false)]);
    assert_eq!((world.status.phase, world.names()), (Some(Phase::Starting), Vec::new()));
    let (status, reason, message) = world.condition(PEERS_READY);
    assert_eq!((status, reason), ("False", "Queued"));
    assert!(message.contains("lab/other"), "{message}");
    assert!(world.told.contains(&"Queued".to_owned()), "{:?}", world.told);

    // However long that takes.
    world.pods.clear();
    world.pass(3_600);
    world.settle();
    assert_eq!((world.status.phase, world.names()), (Some(Phase::Starting), Vec::new()));
    assert_eq!(world.last.again, Some(Duration::from_secs(15)));

    world.others = vec![other(true, true)];
    world.settle();
    assert!(world.names().contains(&"chat-homes"), "{:?}", world.names());
    let began = world.status.run.started_at.as_ref().map(|time| time.0);
    assert_eq!((world.run().as_str(), began), ("1.2", Some(world.now)));
}

#[test]
fn a_run_whose_conductor_finds_no_room_gives_way_as_well() {
    let mut world = World::new(chat());
    world.settle();
    world.peers_run();
    world.conductor_runs();
    let conductor = world.pods.last_mut().expect("it is there");
    (conductor.is_running, conductor.address) = (false, None);
    conductor.waits_for = Some("Unschedulable: 0/1 nodes are available: 1 Too many pods.".to_owned());
    world.others = vec![other(true, false)];
    world.settle();
    assert_eq!((world.status.phase, world.condition(PEERS_READY).1), (Some(Phase::Starting), "Queued"));
    assert!(world.job.is_none() && world.names().is_empty());
    // Its pods are going, and it is not lost.
    world.others.clear();
    world.settle();
    assert_eq!(world.condition(PEERS_READY).1, "ClearingAway");
    world.pods.clear();
    world.settle();
    assert_eq!(world.status.phase, Some(Phase::Starting));
}

#[test]
fn room_that_others_will_give_back_is_waited_for() {
    for is_older in [true, false] {
        let mut world = World::crowded(&[other(is_older, true)]);
        let (_, reason, message) = world.condition(PEERS_READY);
        assert_eq!(reason, "NoRoom");
        assert!(
            message.contains("chat-homes-2 (Unschedulable") && message.contains("lab/other"),
            "{message}"
        );
        assert!(world.names().contains(&"chat-homes"), "what it has it keeps");
        world.pass(3_600);
        world.settle();
        assert_eq!(world.status.phase, Some(Phase::Starting), "its deadline is for room that is there");

        world.others.clear();
        world.pods.iter_mut().for_each(|pod| pod.waits_for = None);
        world.settle();
        assert_eq!(
            (world.status.phase, world.condition(PEERS_READY).1),
            (Some(Phase::Starting), "PodsPending")
        );
        world.pass(301);
        world.settle();
        assert_eq!(world.condition(FAILED).1, "PodsNotRunning", "which begins anew then");
    }
}

#[test]
fn what_is_no_want_of_room_is_not_waited_for() {
    let mut world = World::crowded(&[]);
    world.others = vec![other(true, false), other(true, true)];
    world.pods[3].waits_for = Some(
        "Unschedulable: 0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector"
            .to_owned(),
    );
    world.settle();
    assert_eq!(world.condition(PEERS_READY).1, "PodsPending");
    world.pass(301);
    world.settle();
    assert_eq!(world.condition(FAILED).1, "PodsNotRunning");
}

#[test]
fn a_run_that_is_alone_or_first_gives_up_in_time() {
    for others in [Vec::new(), vec![other(false, false)]] {
        let mut world = World::crowded(&others);
        assert_eq!(world.condition(PEERS_READY).1, "PodsPending");
        world.pass(301);
        world.settle();
        assert_eq!(world.condition(FAILED).1, "PodsNotRunning");
    }
}
