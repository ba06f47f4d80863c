//! Why the model is off in a number, where that is known: each reason with what it can account for. What is off the other way, or by
//! more, is not explained by it. Chance alone has no bound but its interval, and is asked last.

use peerlab_scenarios::report::{
    Statistic, Unit,
    fidelity::{Difference, Measured},
    metric,
};

use super::Held;

/// How far the model may be off without an explanation: a share.
const TOLERANCE: f64 = 0.10;

/// Differences below this in seconds are not told apart from jitter: a share of nearly nothing says nothing.
const NOTHING: f64 = 0.002;

/// What a connection of a peer sends to stay alive, B/s, as a fleet shows in which nobody says anything; the model leaves it out.
const ALIVE: f64 = 56.0;

/// Bytes that a message of a lane is longer on real peers, at the most.
const LONGER: f64 = 8.0;

/// Bytes that either end of a connection which a lookup dials sends before it can ask, and while it stays idle: negotiation, Noise, Yamux,
/// identify, pings.
const MADE: f64 = 2_000.0;

/// Bytes at both ends for each time that a member compares what it holds with somebody whom it may have to dial, as counted in
/// `chat-in-a-minute`: with neighbours alone, each 40 s and each 10 s.
const COMPARED: f64 = 1_000.0;

/// By how much these may be missed.
const ROUGHLY: f64 = 1.25;

/// How much later neighbours of the model may be connected again when a path comes back, s: the longest that they wait before they dial.
const RECONNECTS: f64 = 5.0;

/// Bytes from which a post is long: many packets, that take their time at an uplink.
const LONG: u64 = 16 << 10;

const STAYING_ALIVE: &str = "little is said, so what connections send to stay alive (56 B/s for each) and the headers of messages that \
     travel alone (8 B) are much of it, and the model leaves both out";

const MAKING: &str = "lookups dial whom they ask, and what it takes to make a connection and to keep it until it was idle for long enough, about \
     2 kB at either end, is beside the requests; the model charges round trips for it and no bytes";

const COMPARING: &str = "members dial one another to compare what they hold, and what it takes to make these connections and to keep them, about 1 kB \
     for each comparison, is beside the few posts of these rooms; the model charges round trips for it and no bytes. With \
     `sync: {with: neighbours}` what is missing is what connections send to stay alive";

const HEALS: &str = "a path comes back in it: real peers dial all the time, and what was said meanwhile comes across one to five \
     seconds earlier than in the model (see below)";

const CHANCE: &str = "the interval of the difference holds nought: one run of each cannot tell them apart. Where values are few, a small \
     share of them moves a quantile far (see KS)";

const SHARED: &str = "its posts are long. Copies for several neighbours share an uplink on real connections and so all come late; in the \
     model one leaves after the other, and the first come soon (congestion control of messages, in [the model](model.md)). Plumtree \
     asks again for what comes late. How it is with short posts stands below";

/// Whether the model is off by more than is tolerated.
pub(super) fn is_off(measure: &Measured) -> bool {
    let Some(difference) = measure.differences[0] else {
        return measure.values[0].is_some() != measure.values[1].is_some();
    };
    let matters = measure.unit != Unit::Seconds || difference.value.abs() > NOTHING;
    // Of what real peers have none, the model should have none.
    matters && difference.relative.map_or(difference.value != 0.0, |share| share.abs() > TOLERANCE)
}

/// Why a number that is off is so, if that is known.
pub(super) fn why(held: &Held, measure: &Measured) -> Option<&'static str> {
    let difference = measure.differences[0]?;
    let is_of = |metric: &str| measure.metric == metric;
    if are_copies_shared(held, measure, difference) {
        return Some(SHARED);
    }
    if has_waited_for_a_path(held, measure) && (0.0..=RECONNECTS).contains(&difference.value) {
        return Some(HEALS);
    }
    let beside = is_of(metric::NETWORK_SENT.name).then(|| beside_items(held, difference)).flatten();
    beside.or_else(|| (!difference.is_beyond_chance()?).then_some(CHANCE))
}

/// Whether it is a time at which posts came that had to wait for a path, on real peers too: so long does none take that had not to.
fn has_waited_for_a_path(held: &Held, measure: &Measured) -> bool {
    let is_latency = measure.metric.ends_with(metric::DELIVERY_LATENCY.name);
    held.heals && is_latency && measure.values[1].is_some_and(|real| real >= RECONNECTS)
}

/// Whether long posts, whose copies come one after another in the model and together on real connections, account for it: then the model
/// is too quick and spare, and at most by as much as the first of so many copies comes before the last.
///
/// It is about when posts come and how often; of bytes, where there are fewer because copies are.
fn are_copies_shared(held: &Held, measure: &Measured, difference: Difference) -> bool {
    let redundancy = metric::OVERLAY_REDUNDANCY.name;
    let is_about = measure.metric.ends_with(metric::DELIVERY_LATENCY.name)
        || measure.metric == redundancy
        || measure.metric == metric::NETWORK_SENT.name
            && held.fidelity.measure(redundancy, Statistic::Mean).is_some_and(is_off);
    let is_within = |share: f64| (1.0 / held.neighbours.max(1.0) - 1.0..0.0).contains(&share);
    is_about && held.longest >= LONG && difference.relative.is_some_and(is_within)
}

/// What real peers send beside items accounts for it, if it does.
fn beside_items(held: &Held, sent: Difference) -> Option<&'static str> {
    let measure = |name: &str| held.fidelity.measure(name, Statistic::Mean);
    // Where as many copies travel on both, what else is sent is beside the items.
    if measure(metric::OVERLAY_REDUNDANCY.name).is_some_and(is_off) {
        return None;
    }
    let peers = f64::from(held.fidelity.peers);
    let dialled = measure(metric::KADEMLIA_DIALLED.name).and_then(|dialled| dialled.values[1]);
    let made = 2.0 * dialled.unwrap_or_default() / peers * MADE;
    let alive = held.neighbours * ALIVE * held.connected;
    let longer = measure(metric::NETWORK_MESSAGES.name)?.values[0]? / peers * LONGER;
    let compared = held.compared * COMPARED;
    let parts = [(alive + longer, STAYING_ALIVE), (made, MAKING), (compared, COMPARING)];
    let most: f64 = parts.iter().map(|(bytes, _)| bytes).sum();
    let (_, beside) = parts.into_iter().max_by(|(a, _), (b, _)| a.total_cmp(b))?;
    (0.0..=most * ROUGHLY).contains(&-sent.value).then_some(beside)
}

#[cfg(test)]
mod tests {
    use peerlab_scenarios::report::fidelity::{Degrees, FIDELITY_SCHEMA, Fidelity};

    use super::*;

    fn measured(metric: &str, unit: Unit, [model, real]: [f64; 2], interval: Option<[f64; 2]>) -> Measured {
        let value = model - real;
        let difference = Difference { value, relative: Some(value / real), interval };
        Measured {
            metric: metric.to_owned(),
            statistic: if unit == Unit::Seconds { Statistic::P95 } else { Statistic::Mean },
            unit,
            values: vec![Some(model), Some(real)],
            differences: vec![Some(difference)],
        }
    }

    fn latency(values: [f64; 2]) -> Measured {
        measured("rooms.delivery.latency", Unit::Seconds, values, None)
    }

    fn sent(values: [f64; 2]) -> Measured {
        measured(metric::NETWORK_SENT.name, Unit::Bytes, values, None)
    }

    /// Ten peers with four connections each, for 100 s.
    fn held(measures: Vec<Measured>) -> Held {
        let fidelity = Fidelity {
            schema: FIDELITY_SCHEMA.to_owned(),
            scenario: "small".to_owned(),
            seed: 1,
            peers: 10,
            runs: Vec::new(),
            level: 0.95,
            findings: Vec::new(),
            measures,
            distances: Vec::new(),
            degrees: Degrees { mesh: false, rows: Vec::new() },
            provenance: serde_json::Value::Null,
        };
        Held {
            cut: false,
            longest: 100,
            heals: false,
            neighbours: 4.0,
            connected: 100.0,
            compared: 0.0,
            fidelity,
        }
    }

    #[test]
    fn a_tenth_is_tolerated_and_so_is_what_nobody_could_tell_from_jitter() {
        assert!(!is_off(&latency([1.09, 1.0])) && !is_off(&latency([0.91, 1.0])));
        assert!(is_off(&latency([1.11, 1.0])) && is_off(&latency([0.89, 1.0])));
        assert!(!is_off(&latency([0.003, 0.0015])));
    }

    #[test]
    fn a_path_that_heals_explains_that_the_model_is_later_and_by_five_seconds_at_most() {
        let heals = Held { heals: true, ..held(Vec::new()) };
        assert_eq!(why(&heals, &latency([39.8, 35.3])), Some(HEALS));
        assert_eq!(why(&heals, &latency([35.3, 39.8])), None, "the model is earlier");
        assert_eq!(why(&heals, &latency([39.8, 30.0])), None, "that is too much");
        assert_eq!(why(&heals, &latency([4.0, 0.08])), None, "these posts have waited for nothing");
        assert_eq!(why(&held(Vec::new()), &latency([39.8, 35.3])), None, "nothing was cut");
    }

    #[test]
    fn long_posts_explain_that_the_model_is_quicker_and_as_much_as_copies_are_many() {
        let long = Held { longest: LONG, ..held(Vec::new()) };
        assert_eq!(why(&long, &latency([1.8, 3.8])), Some(SHARED));
        assert_eq!(why(&long, &latency([3.8, 1.8])), None, "the model is later");
        assert_eq!(why(&long, &latency([0.9, 3.8])), None, "the first of four copies is not so much sooner");
        assert_eq!(why(&held(Vec::new()), &latency([1.8, 3.8])), None, "posts are short");
        let found = measured("contents.find.time", Unit::Seconds, [1.8, 3.8], None);
        assert_eq!(why(&long, &found), None, "it is not about posts");
        assert_eq!(why(&long, &sent([1.8e6, 3.8e6])), None, "there are as many copies");
        let fewer = measured(metric::OVERLAY_REDUNDANCY.name, Unit::Count, [1.5, 3.6], None);
        let long = Held { longest: LONG, ..held(vec![fewer]) };
        assert_eq!(why(&long, &sent([1.8e6, 3.8e6])), Some(SHARED));
    }

    #[test]
    fn what_keeps_connections_alive_explains_so_many_bytes_and_no_more() {
        let quiet =
            held(vec![measured(metric::NETWORK_MESSAGES.name, Unit::Count, [1_000.0, 1_000.0], None)]);
        // 4 connections, 56 B/s, 100 s; 100 messages a peer, 8 B.
        let most = (4.0 * 5_600.0 + 800.0) * ROUGHLY;
        assert_eq!(why(&quiet, &sent([10_000.0, 10_000.0 + most - 1.0])), Some(STAYING_ALIVE));
        assert_eq!(why(&quiet, &sent([10_000.0, 10_000.0 + most + 1.0])), None);
        assert_eq!(why(&quiet, &sent([20_000.0, 10_000.0])), None, "the model sends more");
    }

    #[test]
    fn chance_explains_what_one_run_cannot_tell_apart() {
        let with = |interval| measured("rooms.delivery.latency", Unit::Seconds, [2.0, 1.0], Some(interval));
        assert_eq!(why(&held(Vec::new()), &with([-0.5, 2.5])), Some(CHANCE));
        assert_eq!(why(&held(Vec::new()), &with([0.5, 1.5])), None);
    }
}
