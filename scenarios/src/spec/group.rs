//! Who takes part: groups of like peers, the sites they are in, their links, and when they are there.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Distribution, TimeOfDay, count::PeerCount, schema};
use crate::units::{BitsPerSec, Nanos, Share};

/// A number of like peers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("x-kubernetes-validations" = [
    { "rule": "has(self.peers) != has(self.share)", "message": "a group says either how many peers it has or its share of spec.peers" },
    { "rule": "!(has(self.churn) && has(self.online))", "message": "a group comes and goes either by churn or by a schedule, not both" },
]))]
pub struct Group {
    /// Its name, by which selectors refer to it.
    #[schemars(length(min = 1, max = 63), regex(pattern = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"))]
    pub name: String,
    /// How many peers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<PeerCount>")]
    pub peers: Option<u32>,
    /// Which share of `spec.peers`. Rounding leftovers go to the groups with the largest remainder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub share: Option<Share>,
    /// Where they are: weights by region of the latency table. Default: as the table's own population.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "schema::weights")]
    pub regions: BTreeMap<String, u32>,
    /// The site that they are in, spread evenly over its instances. Default: none, each at a link of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub site: Option<String>,
    /// Their connection to the network.
    #[serde(default)]
    pub link: LinkSpec,
    /// What stands between them and the network. Default: nothing.
    #[serde(default)]
    pub nat: Nat,
    /// When they first come. Default: all at the start.
    #[serde(default)]
    pub join: Join,
    /// How they come and go from then on. Default: they stay.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub churn: Option<Churn>,
    /// When they are there, by a schedule or a trace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub online: Option<Online>,
    /// Whether they keep to the protocol. Default: they do.
    #[serde(default)]
    pub behaviour: Behaviour,
}

/// A connection to the network: a profile, and what differs from it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LinkSpec {
    /// What the fields left out are taken from.
    #[serde(default)]
    pub profile: Profile,
    /// Rate towards the peer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub down: Option<BitsPerSec>,
    /// Rate from the peer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub up: Option<BitsPerSec>,
    /// One-way delay of the last mile, drawn once a peer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access: Option<Distribution>,
    /// Packets lost on the last mile, each way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loss: Option<Share>,
}

/// Well-known kinds of connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Profile {
    /// 10 Gbit/s both ways, 0.1 ms, no loss.
    Datacenter,
    /// 1 Gbit/s both ways, 2 ms, no loss.
    #[default]
    Fibre,
    /// 100 Mbit/s down, 20 Mbit/s up, a median of 8 ms, 0.1 % loss.
    Cable,
    /// 16 Mbit/s down, 2 Mbit/s up, a median of 20 ms, 0.2 % loss.
    Dsl,
    /// 50 Mbit/s down, 10 Mbit/s up, a median of 30 ms with a wide spread, 0.5 % loss.
    Mobile,
}

/// What stands between a peer and the network, by how it maps addresses and what it lets in (RFC 4787, sections 4.1 and 5;
/// the names are those of RFC 3489). Peers of one LAN reach each other whatever it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Nat {
    /// A public address, which all can dial.
    #[default]
    Open,
    /// Endpoint-independent mapping and filtering: all can dial it, once its address is known.
    FullCone,
    /// Endpoint-independent mapping, address-dependent filtering: a hole can be punched to any kind.
    AddressRestricted,
    /// Endpoint-independent mapping, address- and port-dependent filtering: a hole can be punched, but not to `symmetric`.
    PortRestricted,
    /// Address- and port-dependent mapping and filtering: a hole can be punched to `addressRestricted` only.
    Symmetric,
}

impl Nat {
    /// Whether all can dial a peer behind it.
    #[must_use]
    pub const fn can_be_dialled(self) -> bool {
        matches!(self, Self::Open | Self::FullCone)
    }
}

/// When peers first come.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum Join {
    /// All at the run's start.
    AtStart(AtStart),
    /// All at one instant.
    At(JoinAt),
    /// One by one as a Poisson process; given their number, that is each at an instant drawn uniformly.
    Poisson(JoinPoisson),
}

impl Default for Join {
    fn default() -> Self {
        Self::AtStart(AtStart {})
    }
}

/// All at the run's start.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AtStart {}

/// All at one instant.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct JoinAt {
    /// The instant, from the run's start.
    pub time: Nanos,
}

/// One by one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct JoinPoisson {
    /// All have come by this instant.
    pub over: Nanos,
}

/// Sessions: online for a while, offline for a while, and so on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Churn {
    /// How long a session lasts.
    pub online: Distribution,
    /// How long until the next.
    pub offline: Distribution,
    /// How a session ends. Default: a crash.
    #[serde(default)]
    pub leave: Leave,
    /// Which of them are online when they join. Default: all, at the beginning of a session.
    #[serde(default)]
    pub initially: Initially,
}

/// How a peer goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Leave {
    /// Without a word: it loses all but what it stored.
    #[default]
    Crash,
    /// In good order: its machines are told, and say goodbye.
    Graceful,
}

/// Where in its sessions a peer is when it joins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Initially {
    /// At the beginning of one.
    #[default]
    Online,
    /// Anywhere, as after a long time: only a share of the peers is online.
    Stationary,
}

/// When peers are there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum Online {
    /// Office hours: the same every week. The run starts on Monday at midnight unless `startsAt` says otherwise.
    Weekly(Weekly),
    /// As recorded: a CSV file with a line `peer,from,to` for each session, in seconds.
    Trace(Trace),
}

/// Office hours.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Weekly {
    /// On which days. Default: Monday to Friday.
    #[serde(default = "workdays")]
    #[schemars(length(min = 1, max = 7))]
    pub days: Vec<Day>,
    /// From this time of day.
    pub from: TimeOfDay,
    /// To this time of day, later than `from`.
    pub to: TimeOfDay,
    /// Each coming and going is early or late by up to this much. Default: on the minute.
    #[serde(default)]
    pub jitter: Nanos,
    /// The run's start in the week, from Monday at midnight. Default: at midnight.
    #[serde(default)]
    pub starts_at: Nanos,
}

fn workdays() -> Vec<Day> {
    vec![Day::Mon, Day::Tue, Day::Wed, Day::Thu, Day::Fri]
}

/// A day of the week.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Day {
    /// Monday.
    Mon,
    /// Tuesday.
    Tue,
    /// Wednesday.
    Wed,
    /// Thursday.
    Thu,
    /// Friday.
    Fri,
    /// Saturday.
    Sat,
    /// Sunday.
    Sun,
}

/// Recorded sessions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Trace {
    /// The file, relative to the scenario's.
    pub file: String,
}

/// Whether peers keep to the protocol. Adversaries are peers like others.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum Behaviour {
    /// They do.
    Honest(Honest),
    /// They listen, and send nothing at all.
    Silent(Silent),
    /// They take part, and pass on nothing of others.
    FreeRider(FreeRider),
    /// They falsify what they pass on.
    Corruptor(Corruptor),
    /// They stay with the first version of an update: they hide the manifests of all later ones, and send what is not of them when
    /// asked for their chunks.
    StaleSeeder(StaleSeeder),
}

impl Default for Behaviour {
    fn default() -> Self {
        Self::Honest(Honest {})
    }
}

/// They keep to the protocol.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Honest {}

/// They send nothing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Silent {}

/// They pass on nothing of others.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FreeRider {}

/// They falsify what they pass on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Corruptor {}

/// They stay with the first version of an update.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StaleSeeder {}

/// People behind one door: a LAN whose peers share an uplink.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("x-kubernetes-validations" = [
    { "rule": "has(self.uplink) != (has(self.isolated) && self.isolated)", "message": "a site has an uplink unless it is isolated" },
]))]
pub struct Site {
    /// Its name, by which groups and selectors refer to it.
    #[schemars(length(min = 1, max = 63), regex(pattern = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"))]
    pub name: String,
    /// How many such sites there are. Default: 1.
    #[serde(default = "one")]
    #[schemars(with = "PeerCount")]
    pub count: u32,
    /// The network inside.
    #[serde(default)]
    pub lan: Lan,
    /// The way out, which all inside share.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uplink: Option<Uplink>,
    /// Whether there is no way out.
    #[serde(default)]
    pub isolated: bool,
}

const fn one() -> u32 {
    1
}

/// The network inside a site.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Lan {
    /// Rate of each peer's port, both ways. Default: 1Gbit.
    #[serde(default = "gigabit")]
    pub rate: BitsPerSec,
    /// One-way delay. Default: 0.3 ms.
    #[serde(default = "third_of_a_millisecond")]
    pub delay: Nanos,
    /// Packets lost. Default: none.
    #[serde(default)]
    pub loss: Share,
}

const fn gigabit() -> BitsPerSec {
    BitsPerSec(1_000_000_000)
}

const fn third_of_a_millisecond() -> Nanos {
    Nanos(300_000)
}

impl Default for Lan {
    fn default() -> Self {
        Self { rate: gigabit(), delay: third_of_a_millisecond(), loss: Share::ZERO }
    }
}

/// A site's way out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Uplink {
    /// Rate into the site.
    pub down: BitsPerSec,
    /// Rate out of the site.
    pub up: BitsPerSec,
    /// One-way delay of the site's last mile. Default: none.
    #[serde(default)]
    pub latency: Nanos,
}
