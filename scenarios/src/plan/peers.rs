//! Who the peers are: group, region, site and link of each, in flat arrays.

use super::{PlanError, Regions};
use crate::{
    host::Peer,
    seed::{Rng, Seed},
    spec::{Constant, Distribution, Group, Lan, LinkSpec, LogNormal, Profile, ScenarioSpec, Site},
    units::{BitsPerSec, Nanos, Share},
    wire::ItemId,
};

/// What all peers of a group have in common.
#[derive(Clone, Debug, PartialEq)]
pub struct GroupPlan {
    /// As the scenario has it.
    pub spec: Group,
    /// Its first peer; the others follow.
    pub first: Peer,
    /// How many.
    pub count: u32,
    /// Rate from each peer.
    pub up: BitsPerSec,
    /// Rate to each peer.
    pub down: BitsPerSec,
    /// Packets lost on each last mile, each way.
    pub loss: Share,
}

/// The peers of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct Peers {
    groups: Vec<GroupPlan>,
    group: Vec<u16>,
    region: Vec<u16>,
    site: Vec<u32>,
    /// One-way delay of the last mile in nanoseconds: a quarter of the memory of a wider type is worth the bound of 4 s.
    access: Vec<u32>,
}

const NO_SITE: u32 = u32::MAX;

impl Peers {
    pub(super) fn new(
        spec: &ScenarioSpec,
        seed: Seed,
        regions: &Regions,
        sites: &Sites,
    ) -> Result<Self, PlanError> {
        let counts = counts(spec)?;
        let total = counts.iter().map(|&count| u64::from(count)).sum::<u64>();
        if total == 0 || total >= u64::from(ItemId::MAX_PEERS) {
            let most = ItemId::MAX_PEERS - 1;
            return Err(PlanError::new(
                "spec.groups",
                format!("they come to {total} peers; 1 to {most} are possible"),
            ));
        }
        let total = total as usize;
        let mut peers = Self {
            groups: Vec::with_capacity(spec.groups.len()),
            group: Vec::with_capacity(total),
            region: Vec::with_capacity(total),
            site: Vec::with_capacity(total),
            access: Vec::with_capacity(total),
        };
        for (number, (group, &count)) in spec.groups.iter().zip(&counts).enumerate() {
            peers.add_group(number, group, count, seed, regions, sites)?;
        }
        Ok(peers)
    }

    fn add_group(
        &mut self,
        number: usize,
        group: &Group,
        count: u32,
        seed: Seed,
        regions: &Regions,
        sites: &Sites,
    ) -> Result<(), PlanError> {
        let path = format!("spec.groups[{number}]");
        let weights = weights(group, regions, &path)?;
        let site = group.site.as_ref().map(|name| {
            let at = sites.find(name);
            at.ok_or_else(|| PlanError::new(format!("{path}.site"), format!("there is no site `{name}`")))
        });
        let site = site.transpose()?;
        let link = Link::of(&group.link);
        let (up, down, loss) = match site {
            Some(site) => {
                (sites.specs[site].lan.rate, sites.specs[site].lan.rate, sites.specs[site].lan.loss)
            }
            None => (link.up, link.down, link.loss),
        };
        let first = Peer(self.len());
        for place in 0..count {
            let mut rng = seed.stream("peer", &[u64::from(first.0 + place)]);
            let access = link.access.draw(&mut rng);
            let drawn_region = pick(&weights, &mut rng);
            self.group.push(number as u16);
            match site {
                Some(site) => {
                    let instance = sites.first[site] + place % sites.specs[site].count;
                    let mut rng = seed.stream("site", &[u64::from(instance)]);
                    self.site.push(instance);
                    self.region.push(pick(&weights, &mut rng));
                    self.access.push(0);
                }
                None => {
                    self.site.push(NO_SITE);
                    self.region.push(drawn_region);
                    self.access.push(u32::try_from(access.0).unwrap_or(u32::MAX));
                }
            }
        }
        self.groups.push(GroupPlan { spec: group.clone(), first, count, up, down, loss });
        Ok(())
    }

    /// How many.
    #[must_use]
    pub fn len(&self) -> u32 {
        self.group.len() as u32
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.group.is_empty()
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = Peer> + use<> {
        (0..self.len()).map(Peer)
    }

    /// The groups.
    #[must_use]
    pub fn groups(&self) -> &[GroupPlan] {
        &self.groups
    }

    /// A peer's group.
    #[inline]
    #[must_use]
    pub fn group(&self, peer: Peer) -> &GroupPlan {
        &self.groups[self.group_index(peer)]
    }

    /// The index of a peer's group.
    #[inline]
    #[must_use]
    pub fn group_index(&self, peer: Peer) -> usize {
        usize::from(self.group[peer.index()])
    }

    /// The index of a peer's region.
    #[inline]
    #[must_use]
    pub fn region(&self, peer: Peer) -> usize {
        usize::from(self.region[peer.index()])
    }

    /// The instance of a site that a peer is in.
    #[inline]
    #[must_use]
    pub fn site(&self, peer: Peer) -> Option<u32> {
        Some(self.site[peer.index()]).filter(|&site| site != NO_SITE)
    }

    /// The one-way delay of a peer's last mile.
    #[inline]
    #[must_use]
    pub fn access(&self, peer: Peer) -> Nanos {
        Nanos(u64::from(self.access[peer.index()]))
    }
}

/// Sizes of the groups: as given, and shares of `spec.peers` by largest remainder, so that nobody is lost to rounding.
fn counts(spec: &ScenarioSpec) -> Result<Vec<u32>, PlanError> {
    let whole = u64::from(spec.peers.unwrap_or(0));
    let parts = |group: &Group| u64::from(group.share.unwrap_or_default().parts_per_billion());
    let all = u64::from(Share::ALL.parts_per_billion());
    let shares: u64 = spec.groups.iter().map(parts).sum();
    let fixed = spec.counted_peers();
    if shares > all {
        let percent = shares as f64 / 1e7;
        return Err(PlanError::new(
            "spec.groups",
            format!("their shares come to {percent} %, more than all"),
        ));
    }
    let exact: Vec<u64> = spec.groups.iter().map(|group| parts(group) * whole).collect();
    let mut counts: Vec<u64> = spec
        .groups
        .iter()
        .zip(&exact)
        .map(|(group, exact)| group.peers.map_or(exact / all, u64::from))
        .collect();
    let wanted = (shares * whole + all / 2) / all;
    let given: u64 = exact.iter().map(|exact| exact / all).sum();
    let mut by_remainder: Vec<usize> = (0..exact.len()).filter(|&i| exact[i] > 0).collect();
    by_remainder.sort_by_key(|&i| (std::cmp::Reverse(exact[i] % all), i));
    for &i in by_remainder.iter().take((wanted - given) as usize) {
        counts[i] += 1;
    }
    if spec.peers.is_some() && counts.iter().sum::<u64>() != whole {
        let sum = counts.iter().sum::<u64>();
        let why = format!(
            "{whole} are wanted, but the groups come to {sum} ({fixed} by count, {} by share)",
            sum - fixed
        );
        return Err(PlanError::new("spec.peers", why));
    }
    Ok(counts.into_iter().map(|count| count.min(u64::from(u32::MAX)) as u32).collect())
}

/// Cumulative weights of the regions that a group may be in.
fn weights(group: &Group, regions: &Regions, path: &str) -> Result<Vec<(u16, u64)>, PlanError> {
    let mut list = Vec::new();
    if group.regions.is_empty() {
        list.extend(
            regions.list().iter().enumerate().map(|(index, region)| (index as u16, u64::from(region.weight))),
        );
    }
    for (name, &weight) in &group.regions {
        let index = regions.find(name).ok_or_else(|| {
            let known: Vec<_> = regions.list().iter().map(|region| region.name.as_str()).collect();
            let why = format!("the latency model knows no region `{name}`; it knows {}", known.join(", "));
            PlanError::new(format!("{path}.regions.{name}"), why)
        })?;
        list.push((index as u16, u64::from(weight)));
    }
    let mut sum = 0;
    for (_, weight) in &mut list {
        sum += *weight;
        *weight = sum;
    }
    Ok(list)
}

fn pick(cumulative: &[(u16, u64)], rng: &mut Rng) -> u16 {
    let total = cumulative.last().expect("a latency model has at least one region").1;
    let at = rng.below(total);
    cumulative[cumulative.partition_point(|&(_, upto)| upto <= at)].0
}

/// A link with every field filled in.
pub(super) struct Link {
    pub(super) up: BitsPerSec,
    pub(super) down: BitsPerSec,
    pub(super) access: Distribution,
    pub(super) loss: Share,
}

impl Link {
    pub(super) fn of(spec: &LinkSpec) -> Self {
        let mbit = |rate: u64| BitsPerSec(rate * 1_000_000);
        let spread = |median: u64, sigma: f64| {
            Distribution::LogNormal(LogNormal { median: Nanos::from_millis(median), sigma })
        };
        let ppm = |parts: u64| Share::from_parts_per_million(parts);
        let constant = |micros: u64| Distribution::Constant(Constant { value: Nanos(micros * 1_000) });
        let profile = match spec.profile {
            Profile::Datacenter => {
                Self { down: mbit(10_000), up: mbit(10_000), access: constant(100), loss: Share::ZERO }
            }
            Profile::Fibre => {
                Self { down: mbit(1_000), up: mbit(1_000), access: constant(2_000), loss: Share::ZERO }
            }
            Profile::Cable => {
                Self { down: mbit(100), up: mbit(20), access: spread(8, 0.5), loss: ppm(1_000) }
            }
            Profile::Dsl => Self { down: mbit(16), up: mbit(2), access: spread(20, 0.5), loss: ppm(2_000) },
            Profile::Mobile => {
                Self { down: mbit(50), up: mbit(10), access: spread(30, 0.7), loss: ppm(5_000) }
            }
        };
        Self {
            down: spec.down.unwrap_or(profile.down),
            up: spec.up.unwrap_or(profile.up),
            access: spec.access.clone().unwrap_or(profile.access),
            loss: spec.loss.unwrap_or(profile.loss),
        }
    }
}

/// The sites of a run: each kind of site stands for several instances, numbered through.
#[derive(Clone, Debug, PartialEq)]
pub struct Sites {
    specs: Vec<Site>,
    first: Vec<u32>,
    kind: Vec<u16>,
}

impl Sites {
    pub(super) fn new(specs: &[Site]) -> Self {
        let mut sites = Self { specs: specs.to_vec(), first: Vec::new(), kind: Vec::new() };
        for (number, site) in specs.iter().enumerate() {
            sites.first.push(sites.kind.len() as u32);
            sites.kind.extend(std::iter::repeat_n(number as u16, site.count as usize));
        }
        sites
    }

    fn find(&self, name: &str) -> Option<usize> {
        self.specs.iter().position(|site| site.name == name)
    }

    /// How many instances there are in all.
    #[must_use]
    pub fn instances(&self) -> u32 {
        self.kind.len() as u32
    }

    /// What an instance is one of.
    #[must_use]
    pub fn spec(&self, instance: u32) -> &Site {
        &self.specs[usize::from(self.kind[instance as usize])]
    }

    /// The LAN that two peers share, if they do.
    #[inline]
    #[must_use]
    pub fn shared_lan(&self, peers: &Peers, a: Peer, b: Peer) -> Option<&Lan> {
        let site = peers.site(a)?;
        (peers.site(b) == Some(site)).then(|| &self.spec(site).lan)
    }

    /// Whether a path exists between two peers: not from or to an isolated site.
    #[must_use]
    pub fn reach(&self, peers: &Peers, a: Peer, b: Peer) -> bool {
        let isolated = |peer: Peer| peers.site(peer).is_some_and(|site| self.spec(site).isolated);
        self.shared_lan(peers, a, b).is_some() || !(isolated(a) || isolated(b))
    }

    /// The one-way delay of a peer's last mile, with those of its site and its LAN.
    #[must_use]
    pub fn last_mile(&self, peers: &Peers, peer: Peer) -> Nanos {
        peers.access(peer).saturating_add(self.uplink_delay(peers, peer))
    }

    /// The delay of the last mile of a peer's site, with that of its LAN.
    #[must_use]
    fn uplink_delay(&self, peers: &Peers, peer: Peer) -> Nanos {
        peers.site(peer).map_or(Nanos::ZERO, |site| {
            let spec = self.spec(site);
            Nanos(spec.lan.delay.0 + spec.uplink.as_ref().map_or(0, |uplink| uplink.latency.0))
        })
    }
}
