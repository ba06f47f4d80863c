//! Numbers for people: three significant digits, the prefix that fits, the unit always beside them.
//!
//! Prefixes are the decimal ones of the SI (1 kB = 1000 B); durations from two minutes on are written in minutes,
//! hours and days, as people say them. The same rules serve charts, pages and tables, so a number reads alike in all.

use std::cmp::Ordering;

/// What a number measures, always in the base unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unit {
    /// Time, in seconds.
    Seconds,
    /// An amount of data, in bytes.
    Bytes,
    /// A data rate, in bits a second.
    BitsPerSecond,
    /// A data rate, in bytes a second.
    BytesPerSecond,
    /// A rate of events, in events a second.
    PerSecond,
    /// How many; a pure number.
    Count,
    /// A part of a whole: 1 is all of it; shown in percent.
    Share,
    /// Any other unit, by its symbol; shown after the number without a prefix.
    Named(String),
}

/// A multiple of a base unit: a value of the base unit divided by `factor` is a value in `symbol`.
#[derive(Debug, Clone, PartialEq)]
pub struct Multiple {
    /// How many base units make one of these.
    pub factor: f64,
    /// Its symbol, empty for a pure number.
    pub symbol: String,
}

impl Multiple {
    fn new(factor: f64, symbol: impl Into<String>) -> Self {
        Self { factor, symbol: symbol.into() }
    }
}

const MINUTE: f64 = 60.0;
const HOUR: f64 = 60.0 * MINUTE;
const DAY: f64 = 24.0 * HOUR;

/// From this many seconds on a duration is written in minutes, and from as many hours in days.
const SEXAGESIMAL_FROM: f64 = 2.0 * MINUTE;
/// From this many seconds on, 30 years, a duration is no longer a duration of anything simulated.
const LONGEST: f64 = 1e9;

/// Digits after the point at the most, where many are needed.
const MOST_DECIMALS: usize = 12;

impl Unit {
    /// The unit that a symbol of a report stands for, and how many base units one of it is: `"ms"` is
    /// `(Seconds, 1e-3)`. Unknown symbols become [`Unit::Named`] with factor 1.
    #[must_use]
    pub fn of(symbol: &str) -> (Self, f64) {
        match symbol {
            "ns" => (Self::Seconds, 1e-9),
            "us" | "µs" => (Self::Seconds, 1e-6),
            "ms" => (Self::Seconds, 1e-3),
            "s" | "seconds" => (Self::Seconds, 1.0),
            "B" | "bytes" => (Self::Bytes, 1.0),
            "bit/s" | "bits/s" => (Self::BitsPerSecond, 1.0),
            "B/s" | "bytes/s" => (Self::BytesPerSecond, 1.0),
            "1/s" | "/s" => (Self::PerSecond, 1.0),
            "share" | "ratio" => (Self::Share, 1.0),
            "%" => (Self::Share, 0.01),
            "" | "1" | "count" => (Self::Count, 1.0),
            other => (Self::Named(other.to_owned()), 1.0),
        }
    }

    /// Symbol of the base unit, empty for a pure number. A share is shown in percent, so its symbol is `%`.
    #[must_use]
    pub fn symbol(&self) -> &str {
        match self {
            Self::Seconds => "s",
            Self::Bytes => "B",
            Self::BitsPerSecond => "bit/s",
            Self::BytesPerSecond => "B/s",
            Self::PerSecond => "/s",
            Self::Count => "",
            Self::Share => "%",
            Self::Named(symbol) => symbol,
        }
    }

    /// The multiple in which `magnitude` (in base units, its sign ignored) reads best. An axis asks with its upper end.
    #[must_use]
    pub fn multiple(&self, magnitude: f64) -> Multiple {
        let magnitude = magnitude.abs();
        match self {
            Self::Seconds if magnitude >= 2.0 * DAY => Multiple::new(DAY, "d"),
            Self::Seconds if magnitude >= 2.0 * HOUR => Multiple::new(HOUR, "h"),
            Self::Seconds if magnitude > SEXAGESIMAL_FROM => Multiple::new(MINUTE, "min"),
            Self::Seconds => small(magnitude, self.symbol()),
            Self::Bytes | Self::BitsPerSecond | Self::BytesPerSecond | Self::PerSecond => {
                large(magnitude, self.symbol())
            }
            // Up to a million, digits in groups read better than a prefix.
            Self::Count if magnitude < 1e6 => Multiple::new(1.0, ""),
            Self::Count => large(magnitude, ""),
            Self::Share => Multiple::new(0.01, "%"),
            Self::Named(symbol) => Multiple::new(1.0, symbol.as_str()),
        }
    }

    /// The same with every digit of the value, as far as a decimal fraction of twelve places gives it.
    #[must_use]
    pub fn show_in_full(&self, value: f64) -> String {
        self.show_until(value, |stated| compare(stated, value).is_eq())
    }

    /// The same with as many more digits as it takes to be on the right side of `mark`: beside a mark of 100 %, 99.996 % is not
    /// `"100 %"`.
    #[must_use]
    pub fn show_beside(&self, value: f64, mark: f64) -> String {
        self.show_until(value, |stated| compare(stated, mark) == compare(value, mark))
    }

    /// As [`Unit::show`], or with more digits until the number that the text states is accepted; if none is, as usual.
    fn show_until(&self, value: f64, accepted: impl Fn(f64) -> bool) -> String {
        let usual = self.show(value);
        if !value.is_finite() || accepted(self.stated(value)) {
            return usual;
        }
        let multiple = if self.is_in_minutes(value) { Multiple::new(1.0, "s") } else { self.multiple(value) };
        let scaled = value / multiple.factor;
        let enough =
            (0..=MOST_DECIMALS).find(|&decimals| accepted(rounded(scaled, decimals) * multiple.factor));
        enough.map_or(usual, |decimals| join(&trimmed(scaled, decimals), &multiple.symbol))
    }

    /// The number that [`Unit::show`] states of a finite value, in base units.
    fn stated(&self, value: f64) -> f64 {
        if self.is_in_minutes(value) {
            let [_, (small, _)] = units_of_duration(value.abs());
            return (value / small).round() * small;
        }
        let factor = self.multiple(value).factor;
        let scaled = value / factor;
        let number = match decimals(scaled.abs()) {
            Some(decimals) => rounded(scaled, decimals),
            None => format!("{scaled:.2e}").parse().unwrap_or(scaled),
        };
        number * factor
    }

    fn is_in_minutes(&self, value: f64) -> bool {
        *self == Self::Seconds && (SEXAGESIMAL_FROM..LONGEST).contains(&value.abs())
    }

    /// `value` (in base units) as a person would write it: `"212 ms"`, `"3 min 20 s"`, `"1.5 MB"`, `"98.3 %"`.
    /// A value that is not finite is `"–"`.
    #[must_use]
    pub fn show(&self, value: f64) -> String {
        if !value.is_finite() {
            return "–".to_owned();
        }
        if self.is_in_minutes(value) {
            return in_minutes(value);
        }
        let mut multiple = self.multiple(value);
        if format!("{:.2e}", (value / multiple.factor).abs()).ends_with("e3") {
            // Three digits may round up into the next prefix: 999.9 ms is a second.
            multiple = self.multiple(value * 1.001);
        }
        join(&digits(value / multiple.factor), &multiple.symbol)
    }
}

/// An integer with its digits in groups of three: `"1,234,567"`.
#[must_use]
pub fn grouped(value: u64) -> String {
    let plain = value.to_string();
    let mut text = String::with_capacity(plain.len() + plain.len() / 3);
    for (at, digit) in plain.chars().enumerate() {
        if at > 0 && (plain.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `value` with `decimals` digits after the point, the integer part in groups of three, and a real minus sign.
#[must_use]
pub fn fixed(value: f64, decimals: usize) -> String {
    let plain = format!("{:.decimals$}", value.abs());
    let (whole, fraction) = plain.split_once('.').unwrap_or((&plain, ""));
    let whole = whole.parse().map_or_else(|_| whole.to_owned(), grouped);
    let is_zero = plain.bytes().all(|b| matches!(b, b'0' | b'.'));
    let sign = if value < 0.0 && !is_zero { "−" } else { "" };
    if fraction.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") }
}

/// Joins number and symbol with the space that the SI asks for; a pure number takes none.
pub(crate) fn join(number: &str, symbol: &str) -> String {
    if symbol.is_empty() { number.to_owned() } else { format!("{number} {symbol}") }
}

fn large(magnitude: f64, base: &str) -> Multiple {
    const STEPS: [(f64, &str); 6] =
        [(1e18, "E"), (1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")];
    STEPS.iter().find(|(factor, _)| magnitude >= *factor).map_or_else(
        || Multiple::new(1.0, base),
        |(factor, prefix)| Multiple::new(*factor, format!("{prefix}{base}")),
    )
}

fn small(magnitude: f64, base: &str) -> Multiple {
    if magnitude >= 1.0 || magnitude == 0.0 {
        Multiple::new(1.0, base)
    } else if magnitude >= 1e-3 {
        Multiple::new(1e-3, format!("m{base}"))
    } else if magnitude >= 1e-6 {
        Multiple::new(1e-6, format!("µ{base}"))
    } else {
        Multiple::new(1e-9, format!("n{base}"))
    }
}

/// Three significant digits, no trailing zeros after the point; from a thousand on, all digits of the integer part.
fn digits(value: f64) -> String {
    let magnitude = value.abs();
    if magnitude.is_infinite() {
        // Only a share can be: its percents are a hundred times as many.
        return "–".to_owned();
    }
    decimals(magnitude).map_or_else(|| format!("{value:.2e}"), |decimals| trimmed(value, decimals))
}

/// How many digits after the point make three significant ones; none for what is written with an exponent.
fn decimals(magnitude: f64) -> Option<usize> {
    match magnitude {
        m if m >= 1e9 => None,
        m if m == 0.0 || m >= 99.95 => Some(0),
        m if m >= 9.995 => Some(1),
        m if m >= 0.9995 => Some(2),
        m if m >= 0.01 => Some(3),
        _ => None,
    }
}

/// As [`fixed`], without trailing zeros after the point.
fn trimmed(value: f64, decimals: usize) -> String {
    let text = fixed(value, decimals);
    if decimals > 0 { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

fn rounded(value: f64, decimals: usize) -> f64 {
    format!("{value:.decimals$}").parse().unwrap_or(value)
}

/// The order of two numbers, equal where they differ by no more than what arithmetic may have done to them.
fn compare(a: f64, b: f64) -> Ordering {
    if (a - b).abs() <= 1e-13 * a.abs().max(b.abs()) { Ordering::Equal } else { a.total_cmp(&b) }
}

/// The two units that a duration is written in.
fn units_of_duration(seconds: f64) -> [(f64, &'static str); 2] {
    if seconds < HOUR {
        [(MINUTE, "min"), (1.0, "s")]
    } else if seconds < 2.0 * DAY {
        [(HOUR, "h"), (MINUTE, "min")]
    } else {
        [(DAY, "d"), (HOUR, "h")]
    }
}

/// The two largest of days, hours, minutes and seconds, the smaller one rounded and left out when it is nought.
fn in_minutes(seconds: f64) -> String {
    let sign = if seconds < 0.0 { "−" } else { "" };
    let seconds = seconds.abs();
    let [(large, large_symbol), (small, small_symbol)] = units_of_duration(seconds);
    let smalls = (seconds / small).round();
    let per_large = large / small;
    let (wholes, rest) = ((smalls / per_large).floor(), smalls % per_large);
    let head = format!("{sign}{} {large_symbol}", fixed(wholes, 0));
    if rest == 0.0 { head } else { format!("{head} {rest} {small_symbol}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn numbers_read_as_a_person_writes_them() {
        for (unit, value, text) in [
            (Unit::Seconds, 0.0, "0 s"),
            (Unit::Seconds, 0.2124, "212 ms"),
            (Unit::Seconds, 0.9999, "1 s"),
            (Unit::Seconds, 1.5e-6, "1.5 µs"),
            (Unit::Seconds, 42.0, "42 s"),
            (Unit::Seconds, 200.0, "3 min 20 s"),
            (Unit::Seconds, 600.0, "10 min"),
            (Unit::Seconds, 3_599.9, "60 min"),
            (Unit::Seconds, 5_400.0, "1 h 30 min"),
            (Unit::Seconds, 3.0 * DAY + 7_200.0, "3 d 2 h"),
            (Unit::Bytes, 999.0, "999 B"),
            (Unit::Bytes, 1_536_000.0, "1.54 MB"),
            (Unit::BitsPerSecond, 2.5e9, "2.5 Gbit/s"),
            (Unit::PerSecond, 12_300.0, "12.3 k/s"),
            (Unit::Share, 0.983, "98.3 %"),
            (Unit::Share, 1.0, "100 %"),
            (Unit::Count, 123_456.0, "123,456"),
            (Unit::Count, 6_900_000.0, "6.9 M"),
            (Unit::Count, 1.25, "1.25"),
            (Unit::Count, -3.0, "−3"),
            (Unit::Named("hops".into()), 4.217, "4.22 hops"),
            (Unit::Seconds, f64::NAN, "–"),
            (Unit::Bytes, f64::INFINITY, "–"),
        ] {
            assert_eq!(unit.show(value), text, "{value} in {unit:?}");
        }
    }

    #[test]
    fn a_number_beside_a_mark_has_the_digits_that_tell_them_apart() {
        for (unit, value, mark, text) in [
            (Unit::Share, 0.999_963, 1.0, "99.996 %"),
            (Unit::Share, 0.999_999_999_7, 1.0, "99.99999997 %"),
            (Unit::Share, 1.0, 1.0, "100 %"),
            (Unit::Share, 0.983, 1.0, "98.3 %"),
            (Unit::Share, 0.9998, 0.99995, "99.98 %"),
            (Unit::Seconds, 0.500_04, 0.5, "500.04 ms"),
            (Unit::Seconds, 0.499_96, 0.5, "499.96 ms"),
            (Unit::Seconds, 200.004, 200.0, "200.004 s"),
            (Unit::Seconds, 200.0, 150.0, "3 min 20 s"),
            (Unit::Count, 1_000_001.0, 1e6, "1.000001 M"),
            (Unit::Count, 100.000_000_000_000_01, 100.0, "100"),
        ] {
            assert_eq!(unit.show_beside(value, mark), text, "{value} beside {mark}");
        }
    }

    #[test]
    fn a_number_in_full_has_all_its_digits() {
        for (unit, value, text) in [
            (Unit::Share, 0.99995, "99.995 %"),
            (Unit::Share, 0.07 * 0.01, "0.07 %"),
            (Unit::Seconds, 0.5, "500 ms"),
            (Unit::Seconds, 1.2345, "1.2345 s"),
            (Unit::Seconds, 200.0, "3 min 20 s"),
            (Unit::Seconds, 200.5, "200.5 s"),
            (Unit::Bytes, 1_234_567.0, "1.234567 MB"),
        ] {
            assert_eq!(unit.show_in_full(value), text, "{value} in {unit:?}");
        }
    }

    #[test]
    fn symbols_of_reports_carry_their_factor() {
        assert_eq!(Unit::of("ms"), (Unit::Seconds, 1e-3));
        assert_eq!(Unit::of("%"), (Unit::Share, 0.01));
        assert_eq!(Unit::of("hops"), (Unit::Named("hops".into()), 1.0));
    }

    #[test]
    fn digits_stand_in_groups_of_three() {
        assert_eq!(grouped(0), "0");
        assert_eq!(grouped(999), "999");
        assert_eq!(grouped(1_000), "1,000");
        assert_eq!(grouped(u64::MAX), "18,446,744,073,709,551,615");
        assert_eq!(fixed(-0.001, 2), "0.00");
    }

    proptest! {
        #[test]
        fn every_finite_number_is_shown_in_a_few_characters(value in proptest::num::f64::ANY) {
            for unit in [Unit::Seconds, Unit::Bytes, Unit::BitsPerSecond, Unit::PerSecond, Unit::Count, Unit::Share] {
                let text = unit.show(value);
                prop_assert!(!text.is_empty() && !text.contains("NaN") && !text.contains("inf"));
                prop_assert!(text.chars().count() <= 20, "{text}");
            }
        }
    }
}
