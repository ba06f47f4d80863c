//! What a scenario says of a chat: its rooms, who speaks when, and what its protocol does besides.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Count, TimeOfDay, Who};
use crate::{
    units::{Bytes, Nanos, Share},
    wire::ItemId,
};

/// Rooms in which peers talk to each other without a server. Every member keeps the history of its rooms, and members
/// repair each other's gaps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ChatSpec {
    /// Number of rooms. 1 when left out.
    pub rooms: Count<1, 1_000_000>,
    /// Members of each room, drawn at random from the peers that take part. All of them when left out.
    pub members: Option<Count<2, { ItemId::MAX_PEERS }>>,
    /// When posts are made. As if by chance, every 10 s in each room, when left out.
    pub posts: Posts,
    /// Length of a post's text, at most 512 KiB. 200B when left out.
    pub body: Bytes,
    /// Whether members tell each other that they are there. They do not when left out.
    pub presence: Option<Presence>,
    /// How members find and repair gaps in what they hold.
    pub sync: Sync,
    /// Whether members tell authors what they have read. No when left out.
    pub read_receipts: bool,
    /// Who keeps the history of all rooms without being a member for that: mailboxes, or the server of a star. Nobody when
    /// left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub archive: Option<Who>,
}

impl Default for ChatSpec {
    fn default() -> Self {
        Self {
            rooms: Count::new(1),
            members: None,
            posts: Posts::default(),
            body: Bytes(200),
            presence: None,
            sync: Sync::default(),
            read_receipts: false,
            archive: None,
        }
    }
}

/// When posts are made in each room. Exactly one of these.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum Posts {
    /// As if by chance: a Poisson process. Each post is by a member drawn at random.
    Poisson(Poisson),
    /// In bursts, as when something happens that all talk about.
    Burst(Burst),
    /// As if by chance, more often by day than by night.
    Diurnal(Diurnal),
    /// As recorded elsewhere.
    Trace(Trace),
}

impl Default for Posts {
    fn default() -> Self {
        Self::Poisson(Poisson { every: Nanos::from_secs(10) })
    }
}

/// A Poisson process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Poisson {
    /// Mean time between two posts of a room, such as `2s`.
    pub every: Nanos,
}

/// Bursts of posts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Burst {
    /// Mean time from the beginning of one burst of a room to that of the next; longer than `within`.
    pub every: Nanos,
    /// Posts of a burst.
    pub size: Count<1, 1_000_000>,
    /// How long a burst lasts; its posts fall anywhere within.
    pub within: Nanos,
}

/// A rate of posts that goes up and down as a cosine once a day. The run starts at midnight.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Diurnal {
    /// Mean time between two posts of a room, over a whole day.
    pub every: Nanos,
    /// Time of day at which most is said, such as `14:00`.
    pub peak: TimeOfDay,
    /// Rate at the quietest time, half a day from the peak, as a share of the rate at the peak.
    pub trough: Share,
    /// Length of a day, for runs shorter than one: `24m` makes an hour of a minute. 24h when left out.
    #[serde(default = "a_day")]
    pub day: Nanos,
}

/// Posts that were recorded elsewhere.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "PostTrace")]
pub struct Trace {
    /// A file of comma-separated values, one post a line: `time,room,member,bytes`. The time is a duration since the
    /// run's start such as `1.5s`, before its end; room and member count from 0, members within their room. The header
    /// may be left out.
    pub file: String,
}

/// How members tell each other that they are there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Presence {
    /// Time between two signs of life of a member. 30s when left out.
    pub every: Nanos,
    /// How long after its last sign of life a member counts as gone. 90s when left out.
    pub timeout: Nanos,
}

impl Default for Presence {
    fn default() -> Self {
        Self { every: Nanos::from_secs(30), timeout: Nanos::from_secs(90) }
    }
}

/// How members find and repair gaps in what they hold (anti-entropy).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Sync {
    /// How often a member compares what it holds with one other member. 10s when left out.
    pub every: Nanos,
    /// With whom. Anyone when left out.
    pub with: Partners,
}

impl Default for Sync {
    fn default() -> Self {
        Self { every: Nanos::from_secs(10), with: Partners::default() }
    }
}

/// With whom a member compares what it holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Partners {
    /// With members and archives that it is connected with. Then nothing passes but along the links of the overlay, as
    /// when a topology or a server is measured.
    Neighbours,
    /// With any member or archive of the room: it dials some by their addresses, without a link of the overlay.
    #[default]
    Anyone,
}

const fn a_day() -> Nanos {
    Nanos::from_secs(24 * 60 * 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(yaml: &str) -> Result<ChatSpec, String> {
        serde_yaml::from_str(yaml).map_err(|error| error.to_string())
    }

    #[test]
    fn an_empty_chat_has_every_default() {
        let chat = read("{}").expect("everything has a default");
        assert_eq!(chat, ChatSpec::default());
        assert_eq!((chat.rooms.get(), chat.members, chat.body), (1, None, Bytes(200)));
    }

    #[test]
    fn presence_is_off_until_it_is_named() {
        assert_eq!(read("{}").unwrap().presence, None);
        let presence = read("presence: {timeout: 60s}").unwrap().presence.expect("it is named");
        assert_eq!((presence.every, presence.timeout), (Nanos::from_secs(30), Nanos::from_secs(60)));
    }

    #[test]
    fn what_a_chat_says_is_written_as_it_is_read() {
        let text = r#"{"rooms":20,"members":30,"posts":{"diurnal":{"every":"2s","peak":"14:05","trough":"10%","day":"24m"}},
            "body":"1kB","presence":{"every":"10s","timeout":"30s"},"sync":{"every":"5s","with":"neighbours"},"readReceipts":true}"#;
        let chat: ChatSpec = serde_json::from_str(text).unwrap();
        let written = serde_json::to_value(&chat).unwrap();
        assert_eq!(written["posts"]["diurnal"]["peak"], "14:05");
        assert_eq!(serde_json::from_value::<ChatSpec>(written).unwrap(), chat);
    }

    #[test]
    fn what_is_unknown_or_no_time_of_day_is_refused() {
        assert!(read("room: 3").unwrap_err().contains("unknown field `room`"));
        for time in ["24:01", "9:00", "12:60", "+1:00", "noon"] {
            assert!(time.parse::<TimeOfDay>().unwrap_err().to_string().starts_with(&format!("`{time}`")));
        }
    }

    #[test]
    fn the_schema_holds_no_format_that_kubernetes_does_not_know() {
        let schema = schemars::schema_for!(ChatSpec).to_value().to_string();
        assert!(!schema.contains("uint") && schema.contains(r#""minimum":2"#), "{schema}");
    }
}
