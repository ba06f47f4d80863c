//! What an unquoted scalar means: the core schema of YAML 1.2 (§10.3.2), less what JSON cannot hold.

use serde_json::Number;

use super::node::Value;

/// Words that YAML 1.1 took for booleans and YAML 1.2 takes for strings.
const OLD_TRUE: [&str; 3] = ["yes", "on", "y"];
const OLD_FALSE: [&str; 3] = ["no", "off", "n"];

/// Resolves a scalar written without quotes.
///
/// Integers beyond 64 bits, infinities and NaN have no place in a JSON document and stay text. So does an integer with
/// a leading zero: YAML 1.1, which `kubectl` reads, takes it for octal, YAML 1.2 for decimal.
pub(super) fn resolve(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Value::Null,
        "true" | "True" | "TRUE" => return Value::Bool(true),
        "false" | "False" | "FALSE" => return Value::Bool(false),
        _ => {}
    }
    integer(text)
        .or_else(|| float(text))
        .map_or_else(|| Value::Text { text: text.to_owned(), plain: true }, Value::Number)
}

/// The boolean that YAML 1.1 took `text` for.
pub(super) fn old_boolean(text: &str) -> Option<bool> {
    let word = text.to_ascii_lowercase();
    if OLD_TRUE.contains(&word.as_str()) {
        Some(true)
    } else {
        OLD_FALSE.contains(&word.as_str()).then_some(false)
    }
}

fn integer(text: &str) -> Option<Number> {
    for (prefix, radix) in [("0x", 16), ("0o", 8)] {
        if let Some(digits) = text.strip_prefix(prefix) {
            let all = digits.bytes().all(|b| char::from(b).is_digit(radix));
            return if all { u64::from_str_radix(digits, radix).ok().map(Into::into) } else { None };
        }
    }
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) || leads_with_zero(digits) {
        return None;
    }
    let positive = || text.strip_prefix('+').unwrap_or(text).parse::<u64>().ok().map(Into::into);
    positive().or_else(|| text.parse::<i64>().ok().map(Into::into))
}

fn float(text: &str) -> Option<Number> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (mantissa, exponent) = unsigned.split_at(unsigned.find(['e', 'E']).unwrap_or(unsigned.len()));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    let exponent_is_fine = exponent.is_empty() || {
        let power = exponent[1..].strip_prefix(['+', '-']).unwrap_or(&exponent[1..]);
        !power.is_empty() && digits(power)
    };
    let is_float = mantissa.len() < unsigned.len() || mantissa.contains('.');
    let fits = is_float && exponent_is_fine && digits(whole) && digits(fraction);
    if !fits || whole.len() + fraction.len() == 0 || leads_with_zero(whole) {
        return None;
    }
    Number::from_f64(text.parse().ok()?)
}

fn leads_with_zero(digits: &str) -> bool {
    digits.len() > 1 && digits.starts_with('0')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(text: &str) -> serde_json::Value {
        match resolve(text) {
            Value::Null => serde_json::Value::Null,
            Value::Bool(value) => value.into(),
            Value::Number(number) => number.into(),
            Value::Text { text, .. } => text.into(),
            Value::List(_) | Value::Map(_) => unreachable!("a scalar is neither"),
        }
    }

    #[test]
    fn scalars_mean_what_the_core_schema_says() {
        for (text, meaning) in [
            ("", "null"),
            ("~", "null"),
            ("True", "true"),
            ("tRUE", "\"tRUE\""),
            ("no", "\"no\""),
            ("12", "12"),
            ("+12", "12"),
            ("-7", "-7"),
            ("0x1F", "31"),
            ("0o17", "15"),
            ("0x", "\"0x\""),
            ("18446744073709551615", "18446744073709551615"),
            ("1.5", "1.5"),
            (".5", "0.5"),
            ("2.", "2.0"),
            ("1e3", "1000.0"),
            (".", "\".\""),
            ("1e", "\"1e\""),
            ("-", "\"-\""),
            ("10m", "\"10m\""),
            ("1_000", "\"1_000\""),
        ] {
            assert_eq!(json(text).to_string(), meaning, "{text}");
        }
    }

    #[test]
    fn what_other_readers_take_otherwise_stays_text() {
        for text in ["017", "-017", "00.5", "18446744073709551616", ".inf", ".nan", "1e999", "0x1_F"] {
            assert_eq!(json(text), text, "{text}");
        }
        assert_eq!(
            (old_boolean("No"), old_boolean("on"), old_boolean("none")),
            (Some(false), Some(true), None)
        );
    }
}
