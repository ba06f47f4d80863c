//! How long a run takes to forget how it began.

/// Observations to a batch.
const BATCH: usize = 5;

/// With fewer batches there is nothing to be seen.
const FEWEST_BATCHES: usize = 10;

/// How many observations at the beginning of a series to leave out, by MSER-5; nothing when it is too short, or when no
/// truncation in its first half is best, which means that it has not settled.
///
/// MSER chooses the truncation whose remaining mean has the least marginal standard error: the least `Σ (y - ȳ)² / (n - d)²`
/// over what is left (White, *An effective truncation heuristic for bias reduction in simulation output*, Simulation 69
/// (1997)), here over means of five observations (White, Cobb and Spratt, Winter Simulation Conference 2000), and not
/// beyond the half (Franklin and White, Winter Simulation Conference 2008). Of several replicates, give the series of
/// their means (Welch's averages; Law, section 9.5.1): noise shrinks, and the transient stays.
#[must_use]
pub fn mser5(series: &[f64]) -> Option<usize> {
    let batches: Vec<f64> =
        series.chunks_exact(BATCH).map(|batch| batch.iter().sum::<f64>() / BATCH as f64).collect();
    if batches.len() < FEWEST_BATCHES {
        return None;
    }
    // Welford's sums from the end, so that every suffix is met in one pass. The last batches alone are no sample: a mean
    // of one has no error at all.
    let (mut n, mut mean, mut squares) = (0.0, 0.0, 0.0);
    let mut best = (f64::INFINITY, 0);
    for (place, value) in batches.iter().enumerate().rev() {
        n += 1.0;
        let delta = value - mean;
        mean += delta / n;
        squares += delta * (value - mean);
        let error = squares / (n * n);
        if batches.len() - place >= BATCH && error <= best.0 {
            best = (error, place);
        }
    }
    (best.1 <= batches.len() / 2).then_some(best.1 * BATCH)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::Seed;

    fn series(n: u32, of: impl Fn(f64, f64) -> f64) -> Vec<f64> {
        let mut rng = Seed(8).stream("series", &[]);
        (0..n).map(|at| of(f64::from(at), rng.normal())).collect()
    }

    #[test]
    fn a_step_is_cut_off_where_it_ends() {
        let step = series(240, |at, noise| noise + if at < 40.0 { 20.0 } else { 0.0 });
        assert_eq!(mser5(&step), Some(40));
    }

    #[test]
    fn a_decay_is_cut_off_when_noise_hides_it() {
        // e^(-at/10) · 30 sinks below the noise of one after 34 observations.
        let decay = series(240, |at, noise| 30.0 * libm::exp(-at / 10.0) + noise);
        let cut = mser5(&decay).expect("it settles");
        assert!((20..=50).contains(&cut), "{cut}");
    }

    #[test]
    fn what_is_steady_from_the_start_loses_little() {
        let cut = mser5(&series(240, |_, noise| 5.0 + noise)).expect("it is steady");
        assert!(cut <= 60, "{cut}");
        assert_eq!(mser5(&[3.0; 100]), Some(0));
    }

    #[test]
    fn what_does_not_settle_has_no_warm_up() {
        assert_eq!(mser5(&series(240, |at, noise| at + noise)), None);
        assert_eq!(mser5(&[1.0; 49]), None);
    }
}
