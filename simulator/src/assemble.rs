//! From what a run left behind to its report.

mod update;

use std::collections::BTreeMap;

use peerlab_scenarios::{
    plan::Plan,
    report::{
        ChatRecorder, FaultSummary, Invariant, Metric, Report, SCHEMA, ScenarioSummary, Summary, Unit,
        Validity, chat::MAX_SPREADING, judge, metric,
    },
    units::Nanos,
    wire::Kind,
};

use crate::{
    engine::{
        Outcome,
        traffic::{Loss, Traffic},
    },
    record::Recorder,
};

const NANOS_PER_SECOND: f64 = 1e9;

/// The report of a run, but for its provenance.
#[must_use]
pub fn report<P: FnMut(Nanos, u64)>(plan: &Plan, outcome: &Outcome, recorder: &Recorder<P>) -> Report {
    let metrics = metrics(plan, outcome, recorder);
    let invariants = invariants(plan, outcome, recorder);
    Report {
        schema: SCHEMA.to_owned(),
        engine: "model".to_owned(),
        scenario: scenario(plan, outcome),
        seed: plan.seed.0,
        validity: Validity::of(&invariants, disturbances(plan, outcome, recorder)),
        targets: judge(&plan.spec.targets, &metrics),
        metrics,
        invariants,
        provenance: serde_json::Value::Null,
    }
}

fn scenario(plan: &Plan, outcome: &Outcome) -> ScenarioSummary {
    let fault = |(fault, &hits): (&peerlab_scenarios::plan::FaultPlan, &u64)| FaultSummary {
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
        cool_down: plan.spec.cool_down.as_secs_f64(),
        faults: plan.faults.iter().zip(&outcome.fault_hits).map(fault).collect(),
    }
}

fn metrics<P: FnMut(Nanos, u64)>(
    plan: &Plan,
    outcome: &Outcome,
    recorder: &Recorder<P>,
) -> BTreeMap<String, Summary> {
    let mut metrics = BTreeMap::new();
    for (name, chat) in recorder.chats(plan) {
        chat_metrics(name, chat, outcome, &mut metrics);
    }
    for (name, update, _) in recorder.updates(plan) {
        update::metrics(name, update, outcome, &mut metrics);
    }
    let mut put = |metric: Metric, summary: Summary| metrics.insert(metric.name.to_owned(), summary);

    let copies = &recorder.copies;
    let ratio = copies.iter().filter(|copies| copies.first > 0);
    let millionths =
        ratio.map(|copies| (u128::from(copies.duplicate) * 1_000_000 / u128::from(copies.first)) as u64);
    put(metric::OVERLAY_DUPLICATES, Summary::of(Unit::Count, millionths.collect(), 1e6));
    let total = |count: fn(&crate::record::Copies) -> u64| copies.iter().map(count).sum::<u64>();
    let (first, duplicate) = (total(|copies| copies.first), total(|copies| copies.duplicate));
    let redundancy = if first == 0 {
        Summary::none(Unit::Count)
    } else {
        Summary::one(Unit::Count, duplicate as f64 / first as f64)
    };
    put(metric::OVERLAY_REDUNDANCY, redundancy);
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
    metrics
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
    let seconds = |histogram| Summary::of_histogram(Unit::Seconds, histogram, NANOS_PER_SECOND);
    put(metric::DELIVERY_LATENCY, seconds(chat.delivery()));
    put(metric::DELIVERY_LIVE, seconds(chat.delivery_by_overlay()));
    put(metric::DELIVERY_HOPS, Summary::of_histogram(Unit::Count, chat.hops(), 1.0));
    put(metric::ORDER_HELD, seconds(chat.held()));
    let [t50, t95, t100] = chat.time_to_share();
    put(metric::COVERAGE_T50, seconds(t50));
    put(metric::COVERAGE_T95, seconds(t95));
    put(metric::COVERAGE_T100, seconds(t100));
    put(metric::CATCH_UP_TIME, seconds(chat.catch_up()));
    let (showings, by_overlay) = (chat.delivery().len(), chat.delivery_by_overlay().len());
    put(metric::CATCH_UP_SHARE, Summary { n: showings, ..percent(showings - by_overlay, showings) });
    put(metric::PRESENCE_DETECTION, seconds(chat.presence_detection()));
    put(metric::PRESENCE_FALSE, Summary::one(Unit::Count, chat.false_offline() as f64));
    put(metric::READ_LATENCY, seconds(chat.read()));

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
fn disturbances<P: FnMut(Nanos, u64)>(plan: &Plan, outcome: &Outcome, recorder: &Recorder<P>) -> Vec<String> {
    let censored = recorder.chats(plan).filter(|(_, chat)| chat.given_up() > 0);
    let censored = censored.map(|(name, chat)| {
        format!(
            "{name}: coverage leaves out the late readers of {} posts, for more than {MAX_SPREADING} were spreading at a time",
            chat.given_up()
        )
    });
    censored.chain(backlog(&outcome.traffic)).collect()
}

/// Says so when more than 1 % of a run's messages were still on their way at its end: the network had more to carry than
/// it could, and what is measured of it depends on when the run ended.
fn backlog(traffic: &Traffic) -> Option<String> {
    let (sent, left) = (traffic.messages(), traffic.in_flight);
    (u128::from(left) * 100 > u128::from(sent))
        .then(|| format!("{left} of {sent} messages were still on their way at the end, more than 1 %"))
}

fn invariants<P: FnMut(Nanos, u64)>(
    plan: &Plan,
    outcome: &Outcome,
    recorder: &Recorder<P>,
) -> Vec<Invariant> {
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
    if !plan.faults.is_empty() {
        let idle = plan.faults.iter().zip(&outcome.fault_hits).filter(|(_, hits)| **hits == 0);
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
        let order = chat.order();
        let extent = if order.sampled { " at a sample of readers" } else { "" };
        let mut check = |what: &str, count: u64| {
            let detail = format!("{count} violations in {} showings{extent}", order.checked);
            list.push(Invariant { name: format!("{name}: {what}"), holds: count == 0, detail });
        };
        check("posts are shown in their author's order", order.out_of_order);
        check("no post is shown twice", order.shown_again);
        check("posts are shown to members only", order.shown_to_strangers);
        list.push(Invariant {
            name: format!("{name}: something was said"),
            holds: chat.posts() > 0,
            detail: format!(
                "{} posts, {} whose author was away, {} entries refused",
                chat.posts(),
                outcome.skipped_commands,
                chat.refused()
            ),
        });
    }
    for (name, update, _) in recorder.updates(plan) {
        update::invariants(name, update, &mut list);
    }
    list
}

#[cfg(test)]
mod tests {
    use super::*;

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
