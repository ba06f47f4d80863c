//! What a user changes of a scenario while it runs, or afterwards.

use super::*;

#[test]
fn a_run_that_is_cancelled_ends_with_a_report_of_what_there_was() {
    let mut world = World::running();
    world.scenario.spec["cluster"] = json!({ "cancel": "1" });
    *world.scenario.metadata.generation.get_or_insert_default() += 1;
    world.settle();
    assert_eq!(world.status.phase, Some(Phase::Running));
    assert_eq!(world.condition(RUNNING).1, "Cancelling");
    assert_eq!(world.last.stop, Some([10, 0, 0, 7].into()), "as often as it takes");
    assert!(world.told.contains(&"Cancelling".to_owned()), "{:?}", world.told);

    world.conductor_says(Stage::Done, 30);
    assert_eq!((world.last.stop, world.last.collect), (None, Some([10, 0, 0, 7].into())));
    world.result_is_kept("invalid", "degraded");
    assert_eq!(world.status.phase, Some(Phase::Complete));
    assert_eq!(world.condition(COMPLETE).1, "RunInterrupted");
    assert_eq!(world.status.run.verdict.as_deref(), Some("invalid"));

    // It is of that run that nobody wanted to know more.
    world.change("/cluster/runId", json!("2"));
    world.step();
    assert_eq!(world.status.phase, Some(Phase::Starting));
}

#[test]
fn a_run_that_is_cancelled_before_it_begins_leaves_no_pods() {
    let mut early = World::new(chat());
    early.scenario.spec["cluster"] = json!({ "cancel": "1" });
    early.settle();
    assert_eq!((early.status.phase, early.names()), (Some(Phase::Failed), Vec::new()));
    assert_eq!(early.condition(FAILED).1, "Cancelled");

    let mut joining = World::new(chat());
    joining.settle();
    joining.peers_run();
    joining.conductor_runs();
    joining.conductor_says(Stage::Waiting, 28);
    joining.scenario.spec["cluster"] = json!({ "cancel": "1", "suspend": true });
    *joining.scenario.metadata.generation.get_or_insert_default() += 1;
    joining.settle();
    assert_eq!(joining.status.phase, Some(Phase::Failed));
    assert_eq!(joining.condition(FAILED).1, "Cancelled");
    assert_eq!(joining.names(), ["chat-conductor", "chat-scenario"], "the log and what ran");

    let mut other = World::running();
    other.scenario.spec["cluster"] = json!({ "cancel": "0" });
    other.settle();
    assert_eq!((other.condition(RUNNING).1, other.last.stop), ("InProgress", None));
}

#[test]
fn a_run_that_is_suspended_begins_anew() {
    let mut world = World::running();
    world.change("/cluster", json!({ "suspend": true }));
    world.settle();
    assert_eq!((world.status.phase, world.condition(RUNNING).1), (Some(Phase::Suspended), "Suspended"));
    assert!(world.owned.is_empty());
    world.conductor_runs();
    world.step();
    assert_eq!(world.last.release, Some([10, 0, 0, 7].into()), "nobody waits for what it has so far");
    world.pods.retain(|pod| pod.component != Some(Component::Conductor));

    world.change("/cluster", json!({}));
    world.settle();
    let (_, reason, message) = world.condition(PEERS_READY);
    assert_eq!(reason, "ClearingAway");
    assert!(message.contains("chat-homes-0"), "{message}");
    assert!(world.owned.is_empty(), "pods of both would have one name");
    world.pods.clear();
    world.settle();
    assert_eq!((world.status.phase, world.status.attempt), (Some(Phase::Starting), Some(2)));
    assert_eq!(world.owned[0].run, "1.2");
}

#[test]
fn a_scenario_may_be_suspended_before_it_begins() {
    let mut spec = chat();
    spec["cluster"] = json!({ "suspend": true });
    let mut world = World::new(spec);
    world.settle();
    assert_eq!((world.status.phase, world.status.run.run_id.clone()), (Some(Phase::Suspended), None));
    assert!(world.owned.is_empty());
    world.change("/cluster", json!({}));
    world.settle();
    assert_eq!((world.status.phase, world.status.attempt), (Some(Phase::Starting), Some(1)));
}

#[test]
fn another_run_keeps_the_results_of_some_before() {
    let mut world = World::running().completed();
    world.scenario.spec["cluster"] = json!({ "history": 1 });
    for run in ["2", "3"] {
        world.pods.clear();
        world.change("/cluster/runId", json!(run));
        world.settle();
        assert_eq!((world.status.phase, world.status.attempt), (Some(Phase::Starting), Some(1)));
        assert_eq!(world.status.run.verdict, None);
        assert!(!conditions::holds(&world.status.conditions, COMPLETE));
        world.peers_run();
        world.conductor_runs();
        world.conductor_says(Stage::Running, 30);
        world = world.completed();
        world.conductor_ends(0, "");
    }
    let history: Vec<_> =
        world.status.history.iter().map(|run| run.run_id.as_deref().unwrap_or_default()).collect();
    assert_eq!(history, ["2"]);
    assert_eq!(world.status.history[0].verdict.as_deref(), Some("pass"));
    let results: Vec<_> = world.names().into_iter().filter(|name| name.contains("result")).collect();
    assert_eq!(results, ["chat-result-2", "chat-result-3"], "those of the first are gone");
}

#[test]
fn another_run_ends_the_one_that_is_under_way() {
    let mut world = World::running();
    world.change("/cluster", json!({ "runId": "again" }));
    world.settle();
    assert_eq!(world.status.run.run_id.as_deref(), Some("again"));
    assert_eq!(world.condition(PEERS_READY).1, "ClearingAway");
    assert!(world.status.history[0].finished_at.is_some() && world.status.history[0].verdict.is_none());
    world.pods.clear();
    world.settle();
    assert!(world.owned.iter().all(|owned| owned.run == "again.1"));
}

#[test]
fn a_broken_change_after_the_end_hides_no_result() {
    let mut world = World::running().completed();
    world.conductor_ends(0, "");
    world.change("/duration", json!("soon"));
    world.settle();
    assert_eq!(world.status.phase, Some(Phase::Refused));
    assert_eq!(world.names(), ["chat-result-1"]);
    assert_eq!(world.status.run.verdict.as_deref(), Some("pass"));
    world.change("/duration", json!("1m"));
    world.settle();
    assert_eq!(world.status.phase, Some(Phase::Complete), "the run is still that run");
}
