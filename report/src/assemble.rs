//! From what a run left behind to its report.

mod lookups;
mod update;

use std::collections::BTreeMap;

use peerlab_scenarios::{
    plan::{FaultPlan, Plan, nat::ATTEMPTS},
    report::{
        ChatRecorder, FaultSummary, Histogram, Invariant, Metric, PubsubCount, Report, SCHEMA,
        ScenarioSummary, Summary, Unit, Validity,
        chat::{MAX_SPREADING, OrderCheck},
        judge, metric,
    },
    spec::Overlay,
    units::Nanos,
    wire::Kind,
};

use crate::{
    EngineKind, Outcome,
    copies::{CopyCount, REACH},
    quantity,
    reach::Reached,
    record::{DUPLICATE_STEPS, Recorder},
    traffic::{Loss, Traffic},
    warm_up,
};

/// The report of a run, but for its provenance.
#[must_use]
pub fn report(plan: &Plan, outcome: &Outcome, recorder: &Recorder) -> Report {
    let metrics = metrics(plan, outcome, recorder);
    let invariants = invariants(plan, outcome, recorder);
    Report {
        schema: SCHEMA.to_owned(),
        engine: outcome.engine.name().to_owned(),
        scenario: scenario(plan, outcome, recorder),
        seed: plan.seed.0,
        validity: Validity::of(&invariants, disturbances(plan, outcome, recorder)),
        targets: judge(&plan.spec.targets, &metrics),
        metrics,
        invariants,
        provenance: serde_json::Value::Null,
    }
}

fn scenario(plan: &Plan, outcome: &Outcome, recorder: &Recorder) -> ScenarioSummary {
    let fault = |(fault, &hits): (&FaultPlan, &u64)| FaultSummary {
        name: fault.name.clone(),
        kind: fault.effect.kind().to_owned(),
        at: fault.at.as_secs_f64(),
        until: (fault.until != Nanos::NEVER).then(|| fault.until.as_secs_f64()),
        hits,
    };
    ScenarioSummary {
        name: plan.name.clone(),
        description: plan.spec.description.clone(),
        peers: plan.peers.len(),
        edges: plan.graph.edges(),
        duration: plan.spec.duration.as_secs_f64(),
        warm_up: plan.spec.warm_up.as_secs_f64(),
        settling: warm_up::settling(
            &[&recorder.series],
            recorder.interval,
            &(plan.spec.warm_up..plan.spec.duration),
        ),
        cool_down: plan.spec.cool_down.as_secs_f64(),
        interrupted: outcome.interrupted.map(Nanos::as_secs_f64),
        faults: plan.faults.iter().zip(&outcome.fault_hits).map(fault).collect(),
    }
}

fn metrics(plan: &Plan, outcome: &Outcome, recorder: &Recorder) -> BTreeMap<String, Summary> {
    let mut metrics = BTreeMap::new();
    for (name, chat) in recorder.chats(plan) {
        chat_metrics(name, chat, outcome, &mut metrics);
    }
    for (name, update, _) in recorder.updates(plan) {
        update::metrics(name, update, outcome, &mut metrics);
    }
    for (name, lookups) in recorder.lookups(plan) {
        lookups::metrics(name, lookups, &mut metrics);
    }
    if plan.discovery.is_some() {
        lookups::discovery_metrics(outcome, recorder, &mut metrics);
    }
    let mut put = |metric: Metric, summary: Summary| metrics.insert(metric.name.to_owned(), summary);

    let copies = &recorder.copies;
    let shares = recorder.duplicate_shares().collect();
    put(metric::OVERLAY_DUPLICATES, Summary::of(Unit::Count, shares, DUPLICATE_STEPS));
    let total = |count: fn(&crate::record::Copies) -> u64| copies.iter().map(count).sum::<u64>();
    let (first, duplicate) = (total(|copies| copies.first), total(|copies| copies.duplicate));
    let redundancy = if first == 0 {
        Summary::none(Unit::Count)
    } else {
        Summary::one(Unit::Count, duplicate as f64 / first as f64)
    };
    put(metric::OVERLAY_REDUNDANCY, redundancy);
    if matches!(plan.spec.overlay, Overlay::Gossipsub(_)) {
        put(metric::GOSSIPSUB_MESH_DEGREE, Summary::of(Unit::Count, recorder.mesh_degrees.clone(), 1.0));
        for what in PubsubCount::ALL {
            let count = recorder.pubsub[what as usize];
            let none = Summary::none(Unit::Count);
            put(counted(what), count.map_or(none, |count| Summary::one(Unit::Count, count as f64)));
        }
    }
    put(metric::OVERLAY_TAINTED, Summary::one(Unit::Count, total(|copies| copies.tainted) as f64));

    let bytes = |side: fn(&(u64, u64)) -> u64| {
        Summary::of(Unit::Bytes, outcome.bytes.iter().map(side).collect(), 1.0)
    };
    put(metric::NETWORK_SENT, bytes(|(sent, _)| *sent));
    put(metric::NETWORK_RECEIVED, bytes(|(_, received)| *received));
    let sent = outcome.traffic.messages() - outcome.warm_up.messages();
    put(metric::NETWORK_MESSAGES, Summary::one(Unit::Count, sent as f64));
    let volume = |kind: Kind| {
        let number = usize::from(kind.number());
        outcome.traffic.sent[number].bytes - outcome.warm_up.sent[number].bytes
    };
    let all: u64 = Kind::ALL.into_iter().map(volume).sum();
    let control: u64 = Kind::ALL.into_iter().filter(|kind| !kind.carries_item()).map(volume).sum();
    put(metric::NETWORK_CONTROL, percent(control, all));
    // Not of those sent since: what was sent before the warm-up's end may be lost after it.
    let lost = outcome.traffic.lost.iter().sum::<u64>() - outcome.warm_up.lost.iter().sum::<u64>();
    let delivered = outcome.traffic.delivered - outcome.warm_up.delivered;
    put(metric::NETWORK_LOST, percent(lost, lost + delivered));
    let online = outcome.online.iter().filter(|online| **online).count() as u64;
    put(metric::PEERS_ONLINE, percent(online, outcome.online.len() as u64));
    if let Some(reached) = &outcome.reached {
        nat_metrics(plan, reached, &mut metrics);
    }
    metrics
}

/// How peers behind NAT were reached, and what it cost.
fn nat_metrics(plan: &Plan, reached: &Reached, metrics: &mut BTreeMap<String, Summary>) {
    let mut put = |metric: Metric, summary: Summary| metrics.insert(metric.name.to_owned(), summary);
    let relayed = reached.detours.len() as u64;
    let all = reached.direct + reached.punched + relayed;
    put(metric::NAT_DIRECT, percent(reached.direct, all));
    put(metric::NAT_PUNCHED, percent(reached.punched, all));
    put(metric::NAT_RELAYED, percent(relayed, all));
    put(metric::NAT_UNREACHABLE, percent(reached.unreachable, reached.wanted));
    let traversals = &reached.traversals;
    put(metric::NAT_REFUSED, Summary::one(Unit::Count, traversals.refused as f64));
    let punched: u64 = traversals.punched.iter().sum();
    let tried = punched + traversals.given_up;
    put(metric::NAT_PUNCHING, Summary { n: tried, ..percent(punched, tried) });
    let ended = traversals.punched.iter().zip(1..).map(|(&holes, attempt)| (attempt, holes));
    let mut attempts = Histogram::default();
    for (attempt, holes) in ended.chain([(u64::from(ATTEMPTS), traversals.given_up)]) {
        (0..holes).for_each(|_| attempts.record(attempt));
    }
    put(metric::NAT_ATTEMPTS, Summary::of_histogram(Unit::Count, &attempts, 1.0));
    let passed_on = |relay| traversals.passed_on.get(relay).copied().unwrap_or_default();
    let bytes = plan.reach.relays().iter().map(passed_on).collect();
    put(metric::RELAY_BYTES, Summary::of(Unit::Bytes, bytes, 1.0));
    put(metric::RELAY_DETOUR, Summary::of(Unit::Seconds, reached.detours.clone(), 1e9));
}

/// The metric of what gossipsub counts.
const fn counted(what: PubsubCount) -> Metric {
    match what {
        PubsubCount::Announced => metric::GOSSIPSUB_ANNOUNCED,
        PubsubCount::Asked => metric::GOSSIPSUB_ASKED,
        PubsubCount::Broken => metric::GOSSIPSUB_BROKEN,
        PubsubCount::Spared => metric::GOSSIPSUB_SPARED,
        PubsubCount::Dropped => metric::GOSSIPSUB_DROPPED,
        PubsubCount::Grafted => metric::GOSSIPSUB_GRAFTED,
        PubsubCount::Pruned => metric::GOSSIPSUB_PRUNED,
        PubsubCount::Refused => metric::GOSSIPSUB_REFUSED,
        PubsubCount::Ignored => metric::GOSSIPSUB_IGNORED,
    }
}

fn percent(part: u64, whole: u64) -> Summary {
    if whole == 0 {
        Summary::none(Unit::Percent)
    } else {
        Summary::one(Unit::Percent, part as f64 * 100.0 / whole as f64)
    }
}

fn chat_metrics(name: &str, chat: &ChatRecorder, outcome: &Outcome, metrics: &mut BTreeMap<String, Summary>) {
    let mut put = |metric: Metric, summary: Summary| metrics.insert(metric.full_name(name), summary);
    for (metric, histogram) in chat.distributions() {
        put(metric, Summary::of_histogram(metric.unit, histogram, metric.unit.recorded_steps()));
    }
    let showings = chat.delivery().len();
    put(metric::CATCH_UP_SHARE, Summary { n: showings, ..percent(chat.caught_up(), showings) });
    put(metric::PRESENCE_FALSE, Summary::one(Unit::Count, chat.false_offline() as f64));

    let online = |peer: peerlab_scenarios::host::Peer| outcome.online[peer.index()];
    let (mut shown, mut expected, mut shares) = (0, 0, Vec::new());
    for tally in chat.finish(&online).filter(|tally| tally.expected > 0) {
        shown += tally.shown;
        expected += tally.expected;
        shares.push((u128::from(tally.shown) * 1_000_000_000 / u128::from(tally.expected)) as u64);
    }
    // The mean is over posts, so that a quiet room does not weigh as much as a busy one; quantiles are over members.
    let mut completeness = Summary::of(Unit::Percent, shares, 1e7);
    if expected > 0 {
        completeness.mean = shown as f64 * 100.0 / expected as f64;
    }
    put(metric::DELIVERY_COMPLETENESS, completeness);
    let absent = chat.finish(&|peer| !online(peer)).count();
    put(metric::MEMBERS_ABSENT, Summary::one(Unit::Count, absent as f64));
}

/// What a reader has to know before believing the numbers, though every invariant holds.
fn disturbances(plan: &Plan, outcome: &Outcome, recorder: &Recorder) -> Vec<String> {
    let censored = recorder.chats(plan).filter(|(_, chat)| chat.given_up() > 0);
    let censored = censored.map(|(name, chat)| {
        format!(
            "{name}: coverage leaves out the late readers of {} posts, for more than {MAX_SPREADING} were spreading at a time",
            chat.given_up()
        )
    });
    let late = late(&recorder.copy_count);
    let hasty = (outcome.engine == EngineKind::Model).then(|| recorder.starts.told()).flatten();
    interrupted(plan, outcome)
        .into_iter()
        .chain(censored)
        .chain(backlog(&outcome.traffic))
        .chain(late)
        .chain(outcome.disturbances.iter().cloned())
        .chain(hasty)
        .collect()
}

/// Says so when a run was stopped before its end: the report is of the time until then.
fn interrupted(plan: &Plan, outcome: &Outcome) -> Option<String> {
    let show = |time: Nanos| quantity::Unit::Seconds.show(time.as_secs_f64());
    outcome.interrupted.map(|at| format!("interrupted at {} of {}", show(at), show(plan.spec.end())))
}

/// Says so when copies came later than peers remember items.
fn late(copies: &CopyCount) -> Option<String> {
    let (late, peers) = (copies.late(), copies.sampled_peers());
    (late > 0).then(|| {
        format!(
            "{late} copies came to {peers} sampled peers after more than {REACH} newer items: peers remember about so many, and \
             take older ones for such as they have met"
        )
    })
}

/// Says so when more than 1 % of a run's messages were still on their way at its end: the network had more to carry than
/// it could, and what is measured of it depends on when the run ended.
fn backlog(traffic: &Traffic) -> Option<String> {
    let (sent, left) = (traffic.messages(), traffic.in_flight);
    (u128::from(left) * 100 > u128::from(sent))
        .then(|| format!("{left} of {sent} messages were still on their way at the end, more than 1 %"))
}

fn invariants(plan: &Plan, outcome: &Outcome, recorder: &Recorder) -> Vec<Invariant> {
    let traffic = &outcome.traffic;
    let lost: Vec<String> =
        Loss::ALL.iter().map(|&why| format!("{} {}", traffic.lost[why as usize], why.name())).collect();
    let mut list = vec![Invariant {
        name: "every message is accounted for".to_owned(),
        holds: traffic.imbalance() == 0,
        detail: format!(
            "{} sent = {} delivered + {} lost ({}) + {} in flight{}",
            traffic.messages(),
            traffic.delivered,
            traffic.lost.iter().sum::<u64>(),
            lost.join(", "),
            traffic.in_flight,
            if traffic.imbalance() == 0 { String::new() } else { format!(" {:+}", traffic.imbalance()) },
        ),
    }];
    list.extend(outcome.invariants.iter().cloned());
    if !plan.faults.is_empty() {
        // A fault that an interrupted run did not come to, or not to the end of, is none the worse for it.
        let came = |fault: &FaultPlan| outcome.interrupted.is_none_or(|at| fault.until <= at);
        let idle = plan.faults.iter().zip(&outcome.fault_hits);
        let idle = idle.filter(|(fault, hits)| came(fault) && **hits == 0);
        let idle: Vec<_> = idle.map(|(fault, _)| fault.name.as_str()).collect();
        list.push(Invariant {
            name: "every fault hit something".to_owned(),
            holds: idle.is_empty(),
            detail: if idle.is_empty() {
                format!("{} faults, {} hits", plan.faults.len(), outcome.fault_hits.iter().sum::<u64>())
            } else {
                format!("without effect: {}", idle.join(", "))
            },
        });
    }
    for (name, chat) in recorder.chats(plan) {
        list.extend(order_invariants(name, &chat.order()));
        list.push(Invariant {
            name: format!("{name}: something was said"),
            holds: was_used(chat.posts(), outcome),
            detail: format!(
                "{} posts, {} whose author was away, {} entries refused",
                chat.posts(),
                outcome.skipped_commands,
                chat.refused()
            ),
        });
    }
    for (name, update, _) in recorder.updates(plan) {
        update::invariants(name, update, outcome, &mut list);
    }
    for (name, lookups) in recorder.lookups(plan) {
        lookups::invariants(name, lookups, outcome, &mut list);
    }
    list
}

/// Whether a workload did as much as can be asked of it: something, but where the run was interrupted, perhaps before it came to that.
fn was_used(count: u64, outcome: &Outcome) -> bool {
    count > 0 || outcome.interrupted.is_some()
}

/// What must hold of the order in which a chat's posts are shown.
fn order_invariants(name: &str, order: &OrderCheck) -> [Invariant; 4] {
    let extent = if order.sampled { " at a sample of readers" } else { "" };
    let check = |what: &str, count: u64, checked: u64, besides: &str| Invariant {
        name: format!("{name}: {what}"),
        holds: count == 0,
        detail: format!("{count} violations in {checked} showings{extent}{besides}"),
    };
    let forgotten = match order.forgotten {
        0 => String::new(),
        late => format!(", and {late} too late to be checked"),
    };
    let (checked, in_time) = (order.checked, order.checked - order.forgotten);
    [
        check("posts are shown in their author's order", order.out_of_order, checked, ""),
        check("no post is shown before what its author had seen", order.before_cause, in_time, &forgotten),
        check("no post is shown twice", order.shown_again, checked, ""),
        check("posts are shown to members only", order.shown_to_strangers, checked, ""),
    ]
}

#[cfg(test)]
mod tests {
    use peerlab_scenarios::report::Trust;

    use super::*;

    #[test]
    fn any_breach_of_order_makes_a_run_invalid() {
        let state = |order| Validity::of(&order_invariants("talk", &order), Vec::new()).state;
        let fine = OrderCheck { checked: 9, forgotten: 2, ..OrderCheck::default() };
        assert_eq!(state(fine), Trust::Valid);
        for broken in [
            OrderCheck { out_of_order: 1, ..fine },
            OrderCheck { before_cause: 1, ..fine },
            OrderCheck { shown_again: 1, ..fine },
            OrderCheck { shown_to_strangers: 1, ..fine },
        ] {
            assert_eq!(state(broken), Trust::Invalid, "{broken:?}");
        }
        let [_, causal, ..] = order_invariants("talk", &fine);
        assert_eq!(causal.detail, "0 violations in 7 showings, and 2 too late to be checked");
    }

    #[test]
    fn copies_from_beyond_memory_are_told_of() {
        let mut copies = CopyCount::new(2);
        copies.came(0, 3 * REACH as u32);
        assert_eq!(late(&copies), None);
        copies.came(0, 0);
        assert!(late(&copies).is_some_and(|told| told.starts_with("1 copies came to 2 sampled peers")));
    }

    #[test]
    fn a_backlog_is_told_of_above_one_in_a_hundred() {
        let of = |messages: u64, in_flight: u64| {
            let mut traffic = Traffic { in_flight, ..Traffic::default() };
            traffic.sent[0].messages = messages;
            backlog(&traffic)
        };
        assert_eq!((of(0, 0), of(1_000, 0), of(1_000, 10)), (None, None, None));
        assert!(of(1_000, 11).is_some_and(|told| told.starts_with("11 of 1000 messages")));
    }
}
