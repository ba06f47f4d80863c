//! Times after which something is done again: each long enough for a run to come to its end.

use crate::{
    spec::{
        ChatSpec, Overlay, ScenarioSpec,
        chat::Posts,
        overlay::Membership,
        read::{Fault, FieldPath},
    },
    units::Nanos,
};

/// The shortest period. A process that repeats more often makes no sense between computers, and a run of minutes would
/// take its engine longer than anybody waits.
pub(super) const SHORTEST: Nanos = Nanos::from_millis(1);

pub(super) fn check(spec: &ScenarioSpec, faults: &mut Vec<Fault>) {
    let root = super::root();
    for (index, workload) in spec.workloads.iter().enumerate() {
        if let Some(chat) = &workload.chat {
            check_chat(chat, &root.key("workloads").index(index).key("chat"), faults);
        }
    }
    let Overlay::Plumtree(plumtree) = &spec.overlay else { return };
    let path = root.key("overlay").key("plumtree");
    // These are timers of single items, so they may be short, but one of no time at all goes on within one instant.
    for (name, delay) in [
        ("announceAfter", plumtree.announce_after),
        ("missingAfter", plumtree.missing_after),
        ("retryAfter", plumtree.retry_after),
    ] {
        if delay == Nanos::ZERO {
            faults.push(
                Fault::new(path.key(name), "a run would never end: this is repeated, so it takes some time")
                    .help("write more than `0s`"),
            );
        }
    }
    if let Membership::HyParView(view) = &plumtree.membership {
        let path = path.key("membership").key("hyParView");
        period(path.key("shuffleEvery"), view.shuffle_every, faults);
        period(path.key("answerWithin"), view.answer_within, faults);
    }
}

fn check_chat(chat: &ChatSpec, path: &FieldPath, faults: &mut Vec<Fault>) {
    let posts = path.key("posts");
    match &chat.posts {
        Posts::Poisson(poisson) => period(posts.key("poisson").key("every"), poisson.every, faults),
        Posts::Burst(burst) => {
            period(posts.key("burst").key("every"), burst.every, faults);
            period(posts.key("burst").key("within"), burst.within, faults);
        }
        Posts::Diurnal(diurnal) => period(posts.key("diurnal").key("every"), diurnal.every, faults),
        Posts::Trace(_) => {}
    }
    if let Some(presence) = &chat.presence {
        period(path.key("presence").key("every"), presence.every, faults);
    }
    period(path.key("sync").key("every"), chat.sync.every, faults);
}

/// Refuses a period below the shortest.
pub(super) fn period(path: FieldPath, period: Nanos, faults: &mut Vec<Fault>) {
    if period < SHORTEST {
        faults.push(
            Fault::new(path, format!("a run would never end: this is repeated every {period}"))
                .help(format!("write at least `{SHORTEST}`")),
        );
    }
}
