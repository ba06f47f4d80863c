//! Times of day as `"09:30"`.

use std::{borrow::Cow, fmt, str::FromStr};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::units::{Nanos, QuantityError};

/// A time of day, from midnight to midnight inclusive, to the minute.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct TimeOfDay(u16);

impl TimeOfDay {
    /// The schema's title; the checker finds the parser by it.
    pub const TITLE: &'static str = "Time of day";
    const PATTERN: &'static str = "^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$";

    /// As a part of the day, from 0 at midnight to 1 at the next.
    #[must_use]
    pub fn part_of_day(self) -> f64 {
        f64::from(self.0) / f64::from(24 * 60)
    }

    /// Time since midnight.
    #[must_use]
    pub const fn since_midnight(self) -> Nanos {
        Nanos::from_secs(self.0 as u64 * 60)
    }
}

impl FromStr for TimeOfDay {
    type Err = QuantityError;

    fn from_str(text: &str) -> Result<Self, QuantityError> {
        let fail = |why: &str| QuantityError {
            given: text.to_owned(),
            wanted: "a time of day such as `\"09:30\"`",
            why: why.to_owned(),
        };
        let two = |part: &str| {
            let digits = part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit());
            digits.then(|| part.parse::<u16>().ok()).flatten()
        };
        let parts = text.split_once(':').and_then(|(hours, minutes)| Some((two(hours)?, two(minutes)?)));
        let (hours, minutes) = parts.ok_or_else(|| fail("write two digits, a colon and two digits"))?;
        let minute = hours * 60 + minutes;
        if minutes > 59 || minute > 24 * 60 {
            Err(fail("a day has no such minute"))
        } else {
            Ok(Self(minute))
        }
    }
}

impl fmt::Display for TimeOfDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.0 / 60, self.0 % 60)
    }
}

impl Serialize for TimeOfDay {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for TimeOfDay {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Cow::<'de, str>::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

impl JsonSchema for TimeOfDay {
    fn schema_name() -> Cow<'static, str> {
        Self::TITLE.into()
    }
    fn inline_schema() -> bool {
        true
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "title": Self::TITLE, "pattern": Self::PATTERN })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_and_written() {
        for text in ["00:00", "09:30", "23:59", "24:00"] {
            assert_eq!(text.parse::<TimeOfDay>().map(|time| time.to_string()), Ok(text.to_owned()));
        }
        for text in ["9:30", "24:01", "12:60", "", "12", "aa:bb", "+1:00"] {
            assert!(text.parse::<TimeOfDay>().is_err(), "{text} is no time of day");
        }
    }
}
