//! Quantities with their units: time, size, rate and share, read from strings such as `20Mbit` and kept as integers.
//!
//! A scenario never holds a bare number where a unit is needed, and the engines never compare floating point to
//! decide an order, so every quantity is an integer in its smallest unit.

use std::{borrow::Cow, fmt, str::FromStr};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Why a string is not the quantity that its place asks for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{given}` is not {wanted}: {why}")]
pub struct QuantityError {
    /// The text as written.
    pub given: String,
    /// What the place asks for, with examples.
    pub wanted: &'static str,
    /// What is wrong with the text.
    pub why: String,
}

/// The longest text of a quantity, in characters: the API server budgets its rules by the lengths of what they read.
const MAX_LENGTH: usize = 64;

/// A quantity that is written as a string with a unit.
pub trait Quantity: Sized {
    /// The schema's title; the checker finds the parser by it.
    const TITLE: &'static str;
    /// What the place asks for, as it reads after "is not".
    const WANTED: &'static str;
    /// The form that the API server enforces.
    const PATTERN: &'static str;
    /// Units, with how many of the smallest unit each holds.
    const UNITS: &'static [(&'static str, u64)];

    /// Makes the quantity from a count of its smallest unit.
    fn from_smallest(count: u64) -> Self;
}

/// Reads one or more `number unit` terms into a count of the smallest unit.
///
/// Decimal fractions are exact as long as they come to whole smallest units; `0.5ns` is refused, not rounded.
fn read<Q: Quantity>(text: &str) -> Result<Q, QuantityError> {
    let fail = |why: String| QuantityError { given: text.to_owned(), wanted: Q::WANTED, why };
    if text.is_empty() {
        return Err(fail("it is empty".to_owned()));
    }
    if text.chars().nth(MAX_LENGTH).is_some() {
        return Err(fail(format!("it is longer than {MAX_LENGTH} characters")));
    }
    let (mut rest, mut total, mut previous) = (text, 0u64, u64::MAX);
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let (number, tail) = rest.split_at(digits);
        let letters = tail.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(tail.len());
        let (unit, next) = tail.split_at(letters);
        if number.is_empty() {
            return Err(fail("it does not begin with a number".to_owned()));
        }
        if unit.is_empty() {
            return Err(fail("the unit is missing".to_owned()));
        }
        let Some(&(_, size)) = Q::UNITS.iter().find(|(name, _)| *name == unit) else {
            let known: Vec<_> = Q::UNITS.iter().map(|(name, _)| *name).collect();
            return Err(fail(format!("`{unit}` is no unit of it (known: {})", known.join(", "))));
        };
        if size >= previous {
            return Err(fail("its terms must go from the largest unit to the smallest".to_owned()));
        }
        previous = size;
        let count = scale(number, size).map_err(fail)?;
        total = total.checked_add(count).ok_or_else(|| fail("it is too large".to_owned()))?;
        rest = next;
    }
    Ok(Q::from_smallest(total))
}

/// `number × size`, exact, for a decimal number.
fn scale(number: &str, size: u64) -> Result<u64, String> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if (whole.is_empty() && fraction.is_empty()) || fraction.contains('.') || number.ends_with('.') {
        return Err(format!("`{number}` is not a number"));
    }
    let too_large = || "it is too large".to_owned();
    let digits: u128 = format!("0{whole}{fraction}").parse().map_err(|_| too_large())?;
    let divisor =
        10u128.checked_pow(u32::try_from(fraction.len()).map_err(|_| too_large())?).ok_or_else(too_large)?;
    let product = digits.checked_mul(u128::from(size)).ok_or_else(too_large)?;
    if product % divisor != 0 {
        return Err("it is finer than the smallest unit".to_owned());
    }
    u64::try_from(product / divisor).map_err(|_| too_large())
}

/// Writes a count in the largest unit that divides it.
fn write(f: &mut fmt::Formatter<'_>, count: u64, units: &[(&str, u64)]) -> fmt::Result {
    let (name, size) = units
        .iter()
        .filter(|(_, size)| count != 0 && count.is_multiple_of(*size))
        .max_by_key(|(_, size)| *size)
        .or_else(|| units.iter().min_by_key(|(_, size)| *size))
        .expect("every quantity has units");
    write!(f, "{}{name}", count / size)
}

macro_rules! quantity {
    ($(#[$doc:meta])* $name:ident, $title:literal, $wanted:literal, $pattern:literal, [$($unit:literal = $size:expr),* $(,)?]) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub u64);

        impl Quantity for $name {
            const TITLE: &'static str = $title;
            const WANTED: &'static str = $wanted;
            const PATTERN: &'static str = $pattern;
            const UNITS: &'static [(&'static str, u64)] = &[$(($unit, $size)),*];
            fn from_smallest(count: u64) -> Self { Self(count) }
        }

        impl FromStr for $name {
            type Err = QuantityError;
            fn from_str(text: &str) -> Result<Self, QuantityError> { read(text) }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { write(f, self.0, Self::UNITS) }
        }

        quantity_on_the_wire!($name);
    };
}

macro_rules! quantity_on_the_wire {
    ($name:ident) => {
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Cow::<'de, str>::deserialize(deserializer)?.parse().map_err(de::Error::custom)
            }
        }

        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                Self::TITLE.into()
            }
            fn inline_schema() -> bool {
                true
            }
            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({
                    "type": "string", "title": Self::TITLE, "pattern": Self::PATTERN, "maxLength": MAX_LENGTH,
                })
            }
        }
    };
}

quantity! {
    /// Time in nanoseconds: a duration, or an instant since the run's start.
    Nanos, "Duration", "a duration such as `10m`, `1h30m` or `200ms`",
    r"^([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h|d|w))+$",
    ["w" = 604_800_000_000_000, "d" = 86_400_000_000_000, "h" = 3_600_000_000_000, "m" = 60_000_000_000,
     "s" = 1_000_000_000, "ms" = 1_000_000, "us" = 1_000, "µs" = 1_000, "ns" = 1]
}

quantity! {
    /// A size in bytes.
    Bytes, "Size", "a size such as `200B`, `64Ki` or `1.5MB`",
    r"^[0-9]+(\.[0-9]+)?(B|k|kB|M|MB|G|GB|T|TB|Ki|KiB|Mi|MiB|Gi|GiB|Ti|TiB)$",
    ["Ti" = 1 << 40, "TiB" = 1 << 40, "TB" = 1_000_000_000_000, "T" = 1_000_000_000_000,
     "Gi" = 1 << 30, "GiB" = 1 << 30, "GB" = 1_000_000_000, "G" = 1_000_000_000,
     "Mi" = 1 << 20, "MiB" = 1 << 20, "MB" = 1_000_000, "M" = 1_000_000,
     "Ki" = 1 << 10, "KiB" = 1 << 10, "kB" = 1_000, "k" = 1_000, "B" = 1]
}

quantity! {
    /// A data rate in bits per second.
    BitsPerSec, "Rate", "a rate such as `20Mbit`, `1Gbit` or `500kbit`",
    r"^[0-9]+(\.[0-9]+)?(bit|kbit|Mbit|Gbit|Tbit)$",
    ["Tbit" = 1_000_000_000_000, "Gbit" = 1_000_000_000, "Mbit" = 1_000_000, "kbit" = 1_000, "bit" = 1]
}

impl Nanos {
    /// The run's start, or no time at all.
    pub const ZERO: Self = Self(0);
    /// An instant that never comes.
    pub const NEVER: Self = Self(u64::MAX);

    /// Whole seconds.
    #[must_use]
    pub const fn from_secs(seconds: u64) -> Self {
        Self(seconds * 1_000_000_000)
    }

    /// Whole milliseconds.
    #[must_use]
    pub const fn from_millis(milliseconds: u64) -> Self {
        Self(milliseconds * 1_000_000)
    }

    /// As seconds, for people and charts; never to decide an order.
    #[must_use]
    pub fn as_secs_f64(self) -> f64 {
        self.0 as f64 / 1e9
    }

    /// The sum, or [`Nanos::NEVER`] when it does not fit.
    #[must_use]
    pub const fn saturating_add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// The difference, or zero when `other` is later.
    #[must_use]
    pub const fn saturating_sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl BitsPerSec {
    /// How long `bytes` take at this rate, in nanoseconds, rounded up; at least 1 so that a queue keeps its order.
    #[must_use]
    pub const fn time_for(self, bytes: u64) -> Nanos {
        let nanos = (bytes as u128 * 8_000_000_000).div_ceil(if self.0 == 0 { 1 } else { self.0 as u128 });
        Nanos(if nanos == 0 {
            1
        } else if nanos > u64::MAX as u128 {
            u64::MAX
        } else {
            nanos as u64
        })
    }
}

/// A share between 0 and 1, in parts per billion, written as a percentage.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Share(u32);

impl Share {
    const WHOLE: u32 = 1_000_000_000;
    /// Nothing.
    pub const ZERO: Self = Self(0);
    /// All of it.
    pub const ALL: Self = Self(Self::WHOLE);

    /// A share of so many per cent, at most 100.
    #[must_use]
    pub const fn percent(percent: u32) -> Self {
        assert!(percent <= 100, "a share is at most 100 %");
        Self(percent * (Self::WHOLE / 100))
    }

    /// So many parts of a million, at most all.
    #[must_use]
    pub const fn from_parts_per_million(parts: u64) -> Self {
        assert!(parts <= 1_000_000, "a share is at most 100 %");
        Self(parts as u32 * 1_000)
    }

    /// Parts per billion, 0 to 1,000,000,000.
    #[must_use]
    pub const fn parts_per_billion(self) -> u32 {
        self.0
    }

    /// As a number from 0 to 1.
    #[must_use]
    pub fn as_f64(self) -> f64 {
        f64::from(self.0) / f64::from(Self::WHOLE)
    }

    /// This share of `count`, rounded to the nearest, halves up.
    #[must_use]
    pub const fn of(self, count: u64) -> u64 {
        ((count as u128 * self.0 as u128 + (Self::WHOLE / 2) as u128) / Self::WHOLE as u128) as u64
    }
}

impl Quantity for Share {
    const TITLE: &'static str = "Share";
    const WANTED: &'static str = "a share such as `5%` or `0.1%`";
    const PATTERN: &'static str = r"^(100(\.0+)?|[0-9]{1,2}(\.[0-9]{1,7})?)%$";
    const UNITS: &'static [(&'static str, u64)] = &[("%", (Self::WHOLE / 100) as u64)];
    fn from_smallest(count: u64) -> Self {
        Self(count as u32)
    }
}

impl FromStr for Share {
    type Err = QuantityError;
    fn from_str(text: &str) -> Result<Self, QuantityError> {
        let fail =
            |why: &str| QuantityError { given: text.to_owned(), wanted: Self::WANTED, why: why.to_owned() };
        let number = text.strip_suffix('%').ok_or_else(|| fail("the unit `%` is missing"))?;
        if text.len() > MAX_LENGTH {
            return Err(fail("it has more digits than a share can hold"));
        }
        if number.is_empty() || !number.bytes().all(|b| b.is_ascii_digit() || b == b'.') {
            return Err(fail("it does not begin with a number"));
        }
        match scale(number, u64::from(Self::WHOLE / 100)) {
            Ok(parts) if parts <= u64::from(Self::WHOLE) => Ok(Self(parts as u32)),
            Ok(_) => Err(fail("it is more than 100%")),
            Err(why) => Err(fail(&why)),
        }
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, mut rest) = (self.0 / 10_000_000, self.0 % 10_000_000);
        let mut width = 7;
        while rest != 0 && rest.is_multiple_of(10) {
            rest /= 10;
            width -= 1;
        }
        if rest == 0 { write!(f, "{whole}%") } else { write!(f, "{whole}.{rest:0width$}%") }
    }
}

quantity_on_the_wire!(Share);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn quantities_are_read_in_their_smallest_unit() {
        assert_eq!("1h30m".parse(), Ok(Nanos(5_400_000_000_000)));
        assert_eq!("0.3ms".parse(), Ok(Nanos(300_000)));
        assert_eq!("64Ki".parse(), Ok(Bytes(65_536)));
        assert_eq!("1.5MB".parse(), Ok(Bytes(1_500_000)));
        assert_eq!("20Mbit".parse(), Ok(BitsPerSec(20_000_000)));
        assert_eq!("0.1%".parse(), Ok(Share(1_000_000)));
    }

    #[test]
    fn what_is_wrong_is_said() {
        let why = |text: &str| text.parse::<Nanos>().unwrap_err().why;
        assert_eq!(why("10"), "the unit is missing");
        assert_eq!(why("m"), "it does not begin with a number");
        assert_eq!(why("0.5ns"), "it is finer than the smallest unit");
        assert_eq!(why("5s1h"), "its terms must go from the largest unit to the smallest");
        assert_eq!(why("99999999999w"), "it is too large");
        assert!(why("10min").starts_with("`min` is no unit of it"));
        assert_eq!("130%".parse::<Share>().unwrap_err().why, "it is more than 100%");
        assert_eq!("0.05".parse::<Share>().unwrap_err().why, "the unit `%` is missing");
    }

    #[test]
    fn a_queue_always_takes_time() {
        assert_eq!(BitsPerSec(8_000_000).time_for(1_000), Nanos(1_000_000));
        assert_eq!(BitsPerSec(u64::MAX).time_for(1), Nanos(1));
        assert_eq!(BitsPerSec(0).time_for(u64::MAX), Nanos::NEVER);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(n: u64, ppb in 0u32..=1_000_000_000) {
            prop_assert_eq!(Nanos(n).to_string().parse(), Ok(Nanos(n)));
            prop_assert_eq!(Bytes(n).to_string().parse(), Ok(Bytes(n)));
            prop_assert_eq!(BitsPerSec(n).to_string().parse(), Ok(BitsPerSec(n)));
            prop_assert_eq!(Share(ppb).to_string().parse(), Ok(Share(ppb)));
        }

        #[test]
        fn no_text_panics(text in "\\PC*") {
            let _ = text.parse::<Nanos>();
            let _ = text.parse::<Bytes>();
            let _ = text.parse::<Share>();
        }
    }
}
