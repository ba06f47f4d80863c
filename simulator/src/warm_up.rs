//! How long the beginning of a run should not have counted, by what was seen of it.

use peerlab_scenarios::{report::statistics::mser5, units::Nanos};

use crate::record::Interval;

/// When the delivery latency had settled, in seconds: where MSER-5 truncates the series of mean live latencies by interval.
///
/// Of several runs, the series of their means is taken (Welch's averages). Intervals in which nothing was shown are left
/// out. The series begins with the run, warm-up included, and goes as far as workloads do. Nothing when too little was
/// shown, or when latency had not settled by the half of the run.
#[must_use]
pub fn detected(runs: &[&[Interval]], interval: Nanos, duration: Nanos) -> Option<f64> {
    let intervals = (duration.0 / interval.0.max(1)) as usize;
    let mean_of = |place: usize| {
        let live = runs.iter().filter_map(|run| run.get(place)).filter(|interval| interval.live > 0);
        let means: Vec<f64> =
            live.map(|interval| interval.live_nanos as f64 / interval.live as f64).collect();
        (!means.is_empty()).then(|| means.iter().sum::<f64>() / means.len() as f64)
    };
    let series: Vec<(usize, f64)> =
        (0..intervals).filter_map(|place| Some((place, mean_of(place)?))).collect();
    let settled = mser5(&series.iter().map(|(_, mean)| *mean).collect::<Vec<_>>())?;
    series
        .get(settled)
        .map(|(place, _)| if settled == 0 { 0.0 } else { *place as f64 * interval.as_secs_f64() })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of 200 intervals of a second, the first so many have twice the latency.
    fn run(slow: usize, silent: usize) -> Vec<Interval> {
        let at = |place: usize| {
            let nanos = 100_000_000 + (place as u64 * 7_919 % 13) * 1_000_000;
            let nanos = if place < slow { 2 * nanos } else { nanos };
            let live = u64::from(place >= silent) * 3;
            Interval { shown: live, live, live_nanos: live * nanos, ..Interval::default() }
        };
        (0..200).map(at).collect()
    }

    #[test]
    fn a_slow_beginning_is_found_by_its_length() {
        let second = Nanos(1_000_000_000);
        let of = |runs: &[&[Interval]]| detected(runs, second, Nanos(200 * second.0));
        assert_eq!(of(&[&run(30, 0)]), Some(30.0));
        assert_eq!(of(&[&run(30, 0), &run(30, 0)]), Some(30.0));
        // Five silent intervals are no observations, but they are time.
        assert_eq!(of(&[&run(30, 5)]), Some(30.0));
        assert_eq!(of(&[&run(0, 0)]), Some(0.0));
        assert_eq!(of(&[&run(150, 0)]), None);
        assert_eq!(of(&[&run(0, 180)]), None, "twenty intervals tell nothing");
    }
}
