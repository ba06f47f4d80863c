//! Many tests at a time.

/// P-values adjusted so that the chance of even one false finding among all of them stays below the level that each is
/// held against.
///
/// The step-down procedure of Holm, *A simple sequentially rejective multiple test procedure*, Scandinavian Journal of
/// Statistics 6 (1979): the smallest is multiplied by the number of tests, the next by one less, and none may fall below
/// its predecessor. It needs no independence, which metrics of the same runs do not have.
#[must_use]
pub fn holm(p_values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|&a, &b| p_values[a].total_cmp(&p_values[b]));
    let mut adjusted = vec![1.0; p_values.len()];
    let mut floor: f64 = 0.0;
    for (rank, &test) in order.iter().enumerate() {
        floor = floor.max(p_values[test] * (p_values.len() - rank) as f64).min(1.0);
        adjusted[test] = floor;
    }
    adjusted
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::Seed;

    #[test]
    fn the_example_by_hand() {
        // 4 × 0.005, 3 × 0.01, 2 × 0.03, and 0.04 lifted to its predecessor's 0.06.
        let adjusted = holm(&[0.01, 0.04, 0.03, 0.005]);
        let wanted = [0.03, 0.06, 0.06, 0.02];
        assert!(
            adjusted.iter().zip(wanted).all(|(got, wanted)| (got - wanted).abs() < 1e-12),
            "{adjusted:?}"
        );
        assert_eq!(holm(&[0.9, 0.8]), [1.0, 1.0]);
        assert!(holm(&[]).is_empty());
    }

    /// Twenty true hypotheses: unadjusted, two families in three would find something.
    #[test]
    fn a_family_without_effects_seldom_finds_one() {
        let mut rng = Seed(1).stream("families", &[]);
        let families = 2_000;
        let mut found = (0, 0);
        for _ in 0..families {
            let p: Vec<_> = (0..20).map(|_| rng.unit()).collect();
            found.0 += u32::from(p.iter().any(|p| *p < 0.05));
            found.1 += u32::from(holm(&p).iter().any(|p| *p < 0.05));
        }
        assert!(found.0 > families / 2 && found.1 < families * 6 / 100, "{found:?}");
    }
}
