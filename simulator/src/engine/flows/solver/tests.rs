//! The solver against the definition of max–min fairness, and against filling everything anew.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

/// A flow as a test keeps it.
#[derive(Clone, Debug)]
struct Known {
    links: Vec<LinkId>,
    limit: u64,
}

/// Progressive filling of everything at once, in the plainest way: all rates rise by what the tightest link or the lowest limit
/// allows, and whatever is stopped by that stays.
fn filled(capacities: &[u64], flows: &BTreeMap<FlowId, Known>) -> BTreeMap<FlowId, f64> {
    let mut left: Vec<f64> = capacities.iter().map(|&capacity| capacity as f64).collect();
    let mut rates: BTreeMap<FlowId, f64> = flows.keys().map(|&id| (id, 0.0)).collect();
    let mut open: Vec<FlowId> = flows.keys().copied().collect();
    while !open.is_empty() {
        let over =
            |link: usize| open.iter().filter(|id| flows[id].links.contains(&LinkId(link as u32))).count();
        let shares =
            (0..left.len()).filter(|&link| over(link) > 0).map(|link| left[link] / over(link) as f64);
        let limits = open.iter().map(|id| flows[id].limit as f64 - rates[id]);
        let rise = shares.chain(limits).fold(f64::INFINITY, f64::min).max(0.0);
        for id in &open {
            *rates.get_mut(id).unwrap() += rise;
            flows[id].links.iter().for_each(|link| left[link.0 as usize] -= rise);
        }
        let full = |link: &LinkId| left[link.0 as usize] <= 1e-6 * capacities[link.0 as usize] as f64 + 1e-6;
        open.retain(|id| {
            rates[id] < flows[id].limit as f64 * (1.0 - 1e-9) && !flows[id].links.iter().any(full)
        });
    }
    rates
}

/// What must hold of the rates after each change.
fn check(solver: &Solver, capacities: &[u64], flows: &BTreeMap<FlowId, Known>) -> Result<(), TestCaseError> {
    let on = |link: LinkId| flows.iter().filter(move |(_, flow)| flow.links.contains(&link));
    let used = |link: LinkId| on(link).map(|(&id, _)| solver.rate(id)).sum::<u64>();
    for (link, &capacity) in (0..).map(LinkId).zip(capacities) {
        prop_assert!(used(link) <= capacity, "{link:?} carries {} of {capacity}", used(link));
        prop_assert_eq!(solver.links[link.0 as usize].used, used(link));
        prop_assert_eq!(solver.flows_over(link), on(link).count());
    }
    for (&id, flow) in flows {
        let rate = solver.rate(id);
        prop_assert!(rate <= flow.limit, "{id:?} has {rate} of {}", flow.limit);
        if rate == flow.limit {
            continue;
        }
        let is_bottleneck = |&link: &LinkId| {
            let capacity = capacities[link.0 as usize];
            let most = on(link).map(|(&other, _)| solver.rate(other)).max().unwrap_or(0);
            used(link) + solver.precision.spare(capacity, on(link).count()) >= capacity
                && most <= rate + solver.precision.near(rate)
        };
        prop_assert!(flow.links.iter().any(is_bottleneck), "{id:?} could have more than {rate}");
        prop_assert!(solver.bottleneck(id).is_some_and(|link| is_bottleneck(&link)), "{id:?} knows where");
    }
    Ok(())
}

#[derive(Clone, Debug)]
enum Change {
    Add { links: Vec<u32>, limit: u64 },
    Remove(prop::sample::Index),
    Limit(prop::sample::Index, u64),
    Capacity(u32, u64),
}

const LINKS: u32 = 12;

fn limits() -> impl Strategy<Value = u64> {
    prop_oneof![3 => Just(UNLIMITED), 1 => Just(0), 3 => 1_000..50_000_000u64]
}

fn changes() -> impl Strategy<Value = Change> {
    let links = prop::collection::btree_set(0..LINKS, 1..=MOST_LINKS)
        .prop_map(|links| links.into_iter().collect::<Vec<_>>());
    prop_oneof![
        5 => (links, limits()).prop_map(|(links, limit)| Change::Add { links, limit }),
        2 => any::<prop::sample::Index>().prop_map(Change::Remove),
        2 => (any::<prop::sample::Index>(), limits()).prop_map(|(which, limit)| Change::Limit(which, limit)),
        1 => (0..LINKS, capacities()).prop_map(|(link, capacity)| Change::Capacity(link, capacity)),
    ]
}

fn capacities() -> impl Strategy<Value = u64> {
    prop_oneof![Just(2_000_000u64), Just(20_000_000), 100_000..1_000_000_000u64]
}

fn make(solver: &mut Solver, change: &Change, capacities: &mut [u64], flows: &mut BTreeMap<FlowId, Known>) {
    let pick = |which: &prop::sample::Index, flows: &BTreeMap<FlowId, Known>| {
        (!flows.is_empty()).then(|| *flows.keys().nth(which.index(flows.len())).unwrap())
    };
    match change {
        Change::Add { links, limit } => {
            let links: Vec<LinkId> = links.iter().copied().map(LinkId).collect();
            let id = solver.add(&links, *limit);
            assert!(flows.insert(id, Known { links, limit: *limit }).is_none(), "{id:?} is taken");
        }
        Change::Remove(which) => {
            if let Some(id) = pick(which, flows) {
                solver.remove(id);
                flows.remove(&id);
            }
        }
        Change::Limit(which, limit) => {
            if let Some(id) = pick(which, flows) {
                solver.set_limit(id, *limit);
                flows.get_mut(&id).unwrap().limit = *limit;
            }
        }
        Change::Capacity(link, capacity) => {
            solver.set_capacity(LinkId(*link), *capacity);
            capacities[*link as usize] = *capacity;
        }
    }
}

proptest! {
    #[test]
    fn rates_are_max_min_fair_within_capacity_after_every_change(
        mut links in prop::collection::vec(capacities(), LINKS as usize),
        changes in prop::collection::vec((changes(), prop::bool::weighted(0.8)), 1..80),
    ) {
        let (mut solver, mut flows) = (Solver::default(), BTreeMap::new());
        (0..).map(LinkId).zip(&links).for_each(|(link, &capacity)| solver.set_capacity(link, capacity));
        let mut told = BTreeMap::new();
        for (change, settle) in &changes {
            make(&mut solver, change, &mut links, &mut flows);
            if *settle {
                solver.settle(|id, rate| { told.insert(id, rate); });
                check(&solver, &links, &flows)?;
                for &id in flows.keys() {
                    prop_assert!(told.get(&id).is_none_or(|&rate| rate == solver.rate(id)), "changes are told");
                }
            }
            told.retain(|id, _| flows.contains_key(id));
        }
    }

    #[test]
    fn exact_rates_are_those_of_filling_everything_anew(
        mut links in prop::collection::vec(capacities(), LINKS as usize),
        changes in prop::collection::vec(changes(), 1..60),
    ) {
        let (mut solver, mut flows) = (Solver::new(Precision(40)), BTreeMap::new());
        (0..).map(LinkId).zip(&links).for_each(|(link, &capacity)| solver.set_capacity(link, capacity));
        for change in &changes {
            make(&mut solver, change, &mut links, &mut flows);
            solver.settle(|_, _| ());
        }
        // What rounding down leaves over on a link, other links pass on.
        let rounding = 20.0 * flows.len() as f64;
        for (id, rate) in filled(&links, &flows) {
            let ours = solver.rate(id) as f64;
            prop_assert!((ours - rate).abs() <= 1e-6 * rate + rounding, "{id:?}: {ours} for {rate}");
        }
    }
}

#[test]
fn a_change_is_followed_only_as_far_as_it_matters() {
    let mut solver = Solver::default();
    // A thousand uplinks of 20 Mbit/s with four flows each to downlinks that are never full.
    let peers = 1_000;
    for peer in 0..peers {
        solver.set_capacity(LinkId(2 * peer), 20_000_000);
        solver.set_capacity(LinkId(2 * peer + 1), 1_000_000_000);
    }
    for peer in 0..peers {
        for other in 1..=4 {
            let to = (peer + other * 17) % peers;
            solver.add(&[LinkId(2 * peer), LinkId(2 * to + 1)], UNLIMITED);
        }
    }
    solver.settle(|_, _| ());
    let mut changed = Vec::new();
    let new = solver.add(&[LinkId(0), LinkId(11)], UNLIMITED);
    solver.settle(|id, rate| changed.push((id, rate)));
    assert_eq!(changed.len(), 5, "the flows of one uplink");
    assert!(changed.iter().all(|&(_, rate)| rate == 4_000_000));
    assert_eq!(solver.bottleneck(new), Some(LinkId(0)));
}

#[test]
fn a_flow_bound_by_its_limit_leaves_the_rest_to_others() {
    let mut solver = Solver::default();
    solver.set_capacity(LinkId(0), 10_000);
    let slow = solver.add(&[LinkId(0)], 1_000);
    let fast = solver.add(&[LinkId(0)], UNLIMITED);
    solver.settle(|_, _| ());
    assert_eq!((solver.rate(slow), solver.rate(fast)), (1_000, 9_000));
    assert!(solver.is_limited(slow) && !solver.is_limited(fast));
    solver.set_limit(slow, 8_000);
    solver.settle(|_, _| ());
    assert_eq!((solver.rate(slow), solver.rate(fast)), (5_000, 5_000));
    assert!(!solver.is_limited(slow));
}
