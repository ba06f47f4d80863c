//! Quantities by the titles of their schemas, and what was meant by those that are none.

use std::str::FromStr;

use crate::{
    spec::TimeOfDay,
    units::{BitsPerSec, Bytes, Nanos, Quantity, QuantityError, Share},
};

/// A quantity of the language.
#[derive(Debug)]
pub(super) struct Unit {
    title: &'static str,
    /// What its place wants, as it reads after "expected".
    pub(super) wanted: &'static str,
    pub(super) parse: fn(&str) -> Result<(), QuantityError>,
    /// The unit that a bare number most likely lacks, if it can lack one.
    likely: &'static str,
    /// Values for the place of one that is wrong.
    pub(super) stand_ins: [&'static str; 3],
    /// Endings in use elsewhere, longer ones first, and what they are here.
    elsewhere: &'static [(&'static str, &'static str)],
}

const fn unit<Q: Quantity + FromStr<Err = QuantityError>>(
    likely: &'static str,
    stand_ins: [&'static str; 3],
    elsewhere: &'static [(&'static str, &'static str)],
) -> Unit {
    Unit {
        title: Q::TITLE,
        wanted: Q::WANTED,
        parse: |text| text.parse::<Q>().map(|_| ()),
        likely,
        stand_ins,
        elsewhere,
    }
}

static UNITS: [Unit; 5] = [
    unit::<Nanos>(
        "s",
        ["1s", "52w", "104w"],
        &[
            ("minutes", "m"),
            ("minute", "m"),
            ("seconds", "s"),
            ("second", "s"),
            ("hours", "h"),
            ("hour", "h"),
            ("days", "d"),
            ("day", "d"),
            ("msec", "ms"),
            ("mins", "m"),
            ("min", "m"),
            ("secs", "s"),
            ("sec", "s"),
        ],
    ),
    unit::<Bytes>(
        "B",
        ["100B", "1Mi", "2Mi"],
        &[
            ("bytes", "B"),
            ("KiB", "Ki"),
            ("KB", "kB"),
            ("Kb", "kB"),
            ("kb", "kB"),
            ("mb", "MB"),
            ("gb", "GB"),
            ("K", "Ki"),
            ("b", "B"),
        ],
    ),
    unit::<BitsPerSec>(
        "Mbit",
        ["1Mbit", "1Gbit", "2Gbit"],
        &[
            ("bit/s", "bit"),
            ("Gbps", "Gbit"),
            ("Mbps", "Mbit"),
            ("mbps", "Mbit"),
            ("Kbps", "kbit"),
            ("kbps", "kbit"),
            ("bps", "bit"),
            ("G", "Gbit"),
            ("M", "Mbit"),
            ("k", "kbit"),
        ],
    ),
    unit::<Share>("%", ["1%", "50%", "100%"], &[("percent", "%")]),
    Unit {
        title: TimeOfDay::TITLE,
        wanted: "a time of day such as `\"09:30\"`",
        parse: |text| text.parse::<TimeOfDay>().map(|_| ()),
        likely: ":00",
        stand_ins: ["06:00", "12:00", "18:00"],
        elsewhere: &[],
    },
];

impl Unit {
    /// The quantity whose schema has this title.
    pub(super) fn titled(title: &str) -> Option<&'static Self> {
        UNITS.iter().find(|unit| unit.title == title)
    }

    /// What was meant by a text that is not such a quantity, if that is plain to see.
    pub(super) fn amended(&self, text: &str) -> Option<String> {
        let compact: String = text.chars().filter(|c| !c.is_whitespace()).collect();
        let elsewhere = self.elsewhere.iter().filter_map(|(ending, here)| {
            compact.strip_suffix(ending).map(|number| format!("{number}{here}"))
        });
        let fraction = || {
            let part = compact.parse::<f64>().ok().filter(|part| *part > 0.0 && *part < 1.0)?;
            (self.likely == "%").then(|| format!("{}%", (part * 1e9).round() / 1e7))
        };
        fraction()
            .into_iter()
            .chain([
                compact.clone(),
                format!("{compact}{}", self.likely),
                format!("0{compact}{}", self.likely),
            ])
            .chain(elsewhere)
            .find(|candidate| (self.parse)(candidate).is_ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_in_for_a_quantity_is_one() {
        for unit in &UNITS {
            assert!(unit.stand_ins.iter().all(|text| (unit.parse)(text).is_ok()), "{}", unit.title);
        }
    }

    #[test]
    fn what_was_meant_is_understood() {
        let amended = |title: &str, text: &str| Unit::titled(title).expect("it is known").amended(text);
        for (title, text, meant) in [
            ("Duration", "10", Some("10s")),
            ("Duration", "10 m", Some("10m")),
            ("Duration", "10min", Some("10m")),
            ("Duration", "-10m", None),
            ("Duration", "soon", None),
            ("Rate", "20", Some("20Mbit")),
            ("Rate", "20Mbps", Some("20Mbit")),
            ("Rate", "20 Mbit/s", Some("20Mbit")),
            ("Rate", "20M", Some("20Mbit")),
            ("Rate", "20MB/s", None),
            ("Size", "64K", Some("64Ki")),
            ("Share", "0.05", Some("5%")),
            ("Share", "5", Some("5%")),
            ("Share", "500", None),
            ("Time of day", "9", Some("09:00")),
        ] {
            assert_eq!(amended(title, text).as_deref(), meant, "{title} {text}");
        }
    }
}
