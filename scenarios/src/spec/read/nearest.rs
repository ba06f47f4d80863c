//! The known name that was most likely meant.

/// Names longer than this are nobody's slip of the finger, and comparing them costs their length squared.
const LONGEST: usize = 64;

/// The name nearest to `given` by the number of letters that would have to change or swap, if that is few enough to
/// believe in; of equally near ones the first.
pub(in crate::spec) fn nearest<'n>(given: &str, known: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    let given = given.to_lowercase();
    let length = given.chars().count();
    if length > LONGEST {
        return None;
    }
    known
        .into_iter()
        .map(|name| {
            let lower = name.to_lowercase();
            // A plural or a shortened name is one slip, whatever its length.
            let shortened = length >= 3 && (lower.starts_with(&given) || given.starts_with(&lower));
            let distance = if shortened { 1 } else { strsim::osa_distance(&given, &lower) };
            (distance, name)
        })
        .filter(|(distance, name)| *distance <= 1 + length.min(name.chars().count()) / 4)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_understood_and_another_word_is_not() {
        let known = ["ring", "star", "kRegular", "wattsStrogatz"];
        for (given, meant) in [
            ("rnig", Some("ring")),
            ("Ring", Some("ring")),
            ("kregular", Some("kRegular")),
            ("kRegualr", Some("kRegular")),
            ("watts", Some("wattsStrogatz")),
            ("stars", Some("star")),
            ("mesh", None),
            ("", None),
        ] {
            assert_eq!(nearest(given, known), meant, "{given}");
        }
        assert_eq!(nearest(&"k".repeat(1_000_000), known), None);
    }
}
