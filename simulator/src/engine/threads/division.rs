//! Which peers share a thread: a division with a long lookahead and even parts, from the plan alone.
//!
//! Regions that lie near one another stay together, nearest first (single linkage), as long as as many clusters are left as there
//! are to be parts; or all peers are cut into even slices, region by region. Of all these the one is taken by which a run is
//! expected to take the least time. The peers of a site share a line, and so are never parted.

use std::{cmp::Reverse, fmt};

use peerlab_scenarios::{
    host::Peer,
    plan::{Plan, WorkloadKind},
    units::{Nanos, Share},
};

use super::places::{Part, Places};

/// Most threads that a run has use for: parts have 8 bits.
pub const MOST: usize = 255;

/// What an event takes, ns; and what it takes to exchange what a window has brought, ns.
const EVENT: f64 = 100.0;
const WINDOW: f64 = 20_000.0;

/// A run on several threads must be expected to take less than this share of its time on one.
const WORTHWHILE: f64 = 0.8;

/// Why a run stays on one thread.
#[derive(Clone, Debug, PartialEq)]
pub enum Undivided {
    /// Relays carry connections.
    Relays,
    /// Bulk transfer shares links.
    Bulk,
    /// There are fewer peers, or sites, than there would be parts.
    Few,
    /// Delays have no lower bound.
    NoLookahead,
    /// It would take about this share of its time on one thread, with windows of this length in which each thread has so many
    /// events to work off.
    NotWorthwhile {
        /// The share.
        share: f64,
        /// How long a window is.
        lookahead: Nanos,
        /// Events of a window at each thread.
        events: f64,
    },
}

impl fmt::Display for Undivided {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Relays => f.write_str("connections by way of relays tie all peers together"),
            Self::Bulk => f.write_str("bulk transfer shares links, whose rates change at both ends at once"),
            Self::Few => f.write_str("there are too few peers or sites to divide"),
            Self::NoLookahead => {
                f.write_str("delays between peers have no lower bound, so that threads could not work ahead")
            }
            Self::NotWorthwhile { lookahead, events, .. } => write!(
                f,
                "threads can work ahead by {lookahead} only, with about {events:.0} events each, which does not pay"
            ),
        }
    }
}

/// A plan's peers, dealt out to threads.
#[derive(Clone, Debug)]
pub struct Division {
    parts: Vec<Part>,
    lookahead: Nanos,
    /// The largest part's share of the work.
    largest: f64,
}

impl Division {
    /// The best division for a number of threads of a run that is expected to have so many events in a second of virtual time; with
    /// a single thread, or for a plan that cannot be divided, the reason why there is none.
    ///
    /// # Errors
    /// Why the run needs one thread. It is not asked whether more pay: see [`Division::check`].
    pub fn of(plan: &Plan, threads: usize, rate: f64) -> Result<Self, Undivided> {
        if plan.reach.matters() {
            return Err(Undivided::Relays);
        }
        if plan.workloads.iter().any(|workload| matches!(workload.kind, WorkloadKind::Update(_))) {
            return Err(Undivided::Bulk);
        }
        let fleet = Fleet::of(plan);
        let parts = threads.min(MOST);
        if parts < 2 {
            return Err(Undivided::Few);
        }
        let candidates = fleet.clusters(parts).into_iter().chain(fleet.slices(parts));
        let mut best: Option<Self> = None;
        let mut found = false;
        for part_of in candidates {
            found = true;
            let lookahead = fleet.lookahead(plan, &part_of);
            if lookahead == Nanos::ZERO {
                continue;
            }
            let candidate =
                Self { largest: fleet.largest(&part_of, parts), lookahead, parts: Part::all(&part_of) };
            if best.as_ref().is_none_or(|best| candidate.takes(rate) < best.takes(rate)) {
                best = Some(candidate);
            }
        }
        best.ok_or(if found { Undivided::NoLookahead } else { Undivided::Few })
    }

    /// The division for at most so many threads by which a run is expected to take the least time.
    ///
    /// # Errors
    /// Why the run is better off with one thread.
    pub fn best(plan: &Plan, threads: usize, rate: f64) -> Result<Self, Undivided> {
        let first = Self::of(plan, threads, rate);
        let fewer = (2..threads.min(MOST)).filter_map(|threads| Self::of(plan, threads, rate).ok());
        let Some(best) = first
            .as_ref()
            .ok()
            .cloned()
            .into_iter()
            .chain(fewer)
            .min_by(|a, b| a.takes(rate).total_cmp(&b.takes(rate)))
        else {
            return first;
        };
        best.check(rate)
    }

    /// The division, if a run with so many events in a second of virtual time is expected to gain by it.
    ///
    /// # Errors
    /// The figures, if it is not.
    pub fn check(self, rate: f64) -> Result<Self, Undivided> {
        let share = self.takes(rate) / (rate * EVENT);
        if share < WORTHWHILE {
            return Ok(self);
        }
        let events = rate * self.largest * self.lookahead.as_secs_f64();
        Err(Undivided::NotWorthwhile { share, lookahead: self.lookahead, events })
    }

    /// The threads.
    #[must_use]
    pub fn threads(&self) -> usize {
        self.parts.len()
    }

    /// By how much each may work ahead of the others.
    #[must_use]
    pub const fn lookahead(&self) -> Nanos {
        self.lookahead
    }

    /// Which peers each has.
    pub(super) fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// What a second of virtual time is expected to take, ns.
    fn takes(&self, rate: f64) -> f64 {
        rate * self.largest * EVENT + WINDOW / self.lookahead.as_secs_f64()
    }
}

/// The peers, as a division looks at them.
struct Fleet {
    /// Those that stay together: of one site, or one by itself.
    units: Vec<Unit>,
    regions: usize,
    /// The least delay between peers of two regions, row by row, without last miles, ns.
    paths: Vec<u64>,
    load: u64,
}

struct Unit {
    region: usize,
    peers: Vec<Peer>,
    /// The least last mile of its peers, ns.
    last_mile: u64,
    /// What it is expected to have to do.
    load: u64,
}

impl Fleet {
    fn of(plan: &Plan) -> Self {
        let (mut units, mut sites): (Vec<Unit>, Vec<Option<usize>>) =
            (Vec::new(), vec![None; plan.sites.instances() as usize]);
        for peer in plan.peers.iter() {
            let last_mile = plan.sites.last_mile(&plan.peers, peer).0;
            // Messages come over links; a peer without any has its own doings.
            let load = u64::from(plan.graph.degree(peer.0)) + 1;
            let site = plan.peers.site(peer).map(|site| &mut sites[site as usize]);
            if let Some(&mut Some(unit)) = site {
                let unit: &mut Unit = &mut units[unit];
                unit.peers.push(peer);
                unit.load += load;
                unit.last_mile = unit.last_mile.min(last_mile);
                continue;
            }
            if let Some(site) = site {
                *site = Some(units.len());
            }
            units.push(Unit { region: plan.peers.region(peer), peers: vec![peer], last_mile, load });
        }
        units.sort_by_key(|unit| unit.region);
        let regions = plan.regions.list().len();
        let pairs = (0..regions).flat_map(|from| (0..regions).map(move |to| (from, to)));
        let paths = pairs.map(|(from, to)| plan.latency.least(from, to, &plan.regions).0).collect();
        let load = units.iter().map(|unit| unit.load).sum();
        Self { units, regions, paths, load }
    }

    /// Regions in clusters, nearest together, packed into so many parts: for each number of clusters that is enough.
    fn clusters(&self, parts: usize) -> Vec<Vec<u8>> {
        let (mut load, mut last_mile) = (vec![0; self.regions], vec![u64::MAX; self.regions]);
        for unit in &self.units {
            load[unit.region] += unit.load;
            last_mile[unit.region] = last_mile[unit.region].min(unit.last_mile);
        }
        let present: Vec<usize> = (0..self.regions).filter(|&region| load[region] > 0).collect();
        let mut pairs: Vec<(u64, usize, usize)> = Vec::new();
        for (number, &a) in present.iter().enumerate() {
            let others = present[number + 1..].iter();
            pairs.extend(others.map(|&b| {
                let ends = last_mile[a].saturating_add(last_mile[b]);
                (self.paths[a * self.regions + b].saturating_add(ends), a, b)
            }));
        }
        pairs.sort_unstable();
        let mut cluster: Vec<usize> = (0..self.regions).collect();
        let (mut left, mut found) = (present.len(), Vec::new());
        let mut pairs = pairs.into_iter();
        while left >= parts {
            found.push(self.packed(&cluster, &load, parts));
            let Some((_, a, b)) = pairs.find(|&(_, a, b)| cluster[a] != cluster[b]) else { break };
            let (kept, joined) = (cluster[a], cluster[b]);
            cluster.iter_mut().filter(|of| **of == joined).for_each(|of| *of = kept);
            left -= 1;
        }
        found
    }

    /// The parts of all peers when clusters of regions are packed into them, the largest first.
    fn packed(&self, cluster: &[usize], load: &[u64], parts: usize) -> Vec<u8> {
        let mut clusters = vec![0; self.regions];
        for (region, &of) in cluster.iter().enumerate() {
            clusters[of] += load[region];
        }
        let mut order: Vec<usize> = (0..self.regions).filter(|&of| clusters[of] > 0).collect();
        order.sort_by_key(|&of| (Reverse(clusters[of]), of));
        let (mut filled, mut part_of) = (vec![0; parts], vec![0; self.regions]);
        for of in order {
            let part = (0..parts).min_by_key(|&part| filled[part]).expect("there are parts");
            filled[part] += clusters[of];
            part_of[of] = part;
        }
        self.deal(|_, unit| part_of[cluster[unit.region]])
    }

    /// Even slices of all peers, region by region; none when there are fewer units than parts.
    fn slices(&self, parts: usize) -> Option<Vec<u8>> {
        let (mut before, mut part_of) = (0, Vec::with_capacity(self.units.len()));
        for unit in &self.units {
            // Where its middle lies.
            let middle = u128::from(2 * before + unit.load) * parts as u128;
            part_of.push((middle / (2 * u128::from(self.load)).max(1)) as usize);
            before += unit.load;
        }
        let mut used = part_of.clone();
        used.dedup();
        (used.len() == parts).then(|| self.deal(|number, _| part_of[number]))
    }

    /// The parts of all peers, by those of their units.
    fn deal(&self, part_of: impl Fn(usize, &Unit) -> usize) -> Vec<u8> {
        let mut dealt = vec![0; self.units.iter().map(|unit| unit.peers.len()).sum()];
        for (number, unit) in self.units.iter().enumerate() {
            for peer in &unit.peers {
                dealt[peer.index()] = part_of(number, unit) as u8;
            }
        }
        dealt
    }

    /// The largest part's share of the load.
    fn largest(&self, part_of: &[u8], parts: usize) -> f64 {
        let mut load = vec![0; parts];
        for unit in &self.units {
            load[usize::from(part_of[unit.peers[0].index()])] += unit.load;
        }
        load.into_iter().max().unwrap_or_default() as f64 / self.load as f64
    }

    /// The least time until something that a peer does can matter to one in another part.
    fn lookahead(&self, plan: &Plan, part_of: &[u8]) -> Nanos {
        // Of each region the peer with the least last mile, and the same among those in other parts than that one.
        let mut nearest = vec![[(u64::MAX, u8::MAX); 2]; self.regions];
        for unit in &self.units {
            let (this, [first, second]) =
                ((unit.last_mile, part_of[unit.peers[0].index()]), &mut nearest[unit.region]);
            if this.1 == first.1 {
                first.0 = first.0.min(this.0);
            } else if this.0 < first.0 {
                (*first, *second) = (this, *first);
            } else if this.0 < second.0 {
                *second = this;
            }
        }
        let mut least = u64::MAX;
        for (a, ends) in nearest.iter().enumerate() {
            for (b, others) in nearest.iter().enumerate().skip(a) {
                for end in ends {
                    let crossing = others.iter().filter(|other| other.1 != end.1 && other.0 < u64::MAX);
                    for other in crossing.filter(|_| end.0 < u64::MAX) {
                        let path = self.paths[a * self.regions + b];
                        least = least.min(path.saturating_add(end.0).saturating_add(other.0));
                    }
                }
            }
        }
        // As the delays of pairs are.
        let least = least.min(u64::from(u32::MAX));
        let jitter = plan.spec.network.jitter;
        let most = u128::from(least) * u128::from(jitter.parts_per_billion())
            / u128::from(Share::ALL.parts_per_billion());
        // A nanosecond for what is lost to rounding.
        let shortest = least.saturating_sub(u64::try_from(most).unwrap_or(u64::MAX)).saturating_sub(1);
        // Connections that cannot bring something across break at both ends after a while.
        Nanos(shortest).min(plan.spec.network.timeout)
    }
}

impl Division {
    /// The part of a peer.
    #[must_use]
    pub fn part(&self, peer: Peer) -> usize {
        self.parts[0].part(peer)
    }
}
