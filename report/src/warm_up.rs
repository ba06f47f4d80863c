//! How long the beginning of a run should not have counted, by what was seen of it.

use std::ops::Range;

use peerlab_scenarios::{
    report::{Settling, statistics::mser5},
    units::Nanos,
};

use crate::record::Interval;

/// When the delivery latency had settled: where MSER-5 truncates the series of mean live latencies by interval.
///
/// Of several runs, the series of their means is taken (Welch's averages). Intervals in which nothing was shown are left
/// out. `window` goes from the declared end of the warm-up to the end of the workloads; the series begins with the run.
#[must_use]
pub fn settling(runs: &[&[Interval]], interval: Nanos, window: &Range<Nanos>) -> Settling {
    let mean_of = |place: usize| {
        let live = runs.iter().filter_map(|run| run.get(place)).filter(|interval| interval.live > 0);
        mean(live.map(|interval| interval.live_nanos as f64 / interval.live as f64))
    };
    let start = |place: usize| place as f64 * interval.as_secs_f64();
    let intervals = (window.end.0 / interval.0.max(1)) as usize;
    let series: Vec<(f64, f64)> =
        (0..intervals).filter_map(|place| Some((start(place), mean_of(place)?))).collect();
    let Some(settled) = mser5(&series.iter().map(|(_, latency)| *latency).collect::<Vec<_>>()) else {
        return Settling::default();
    };
    let at = if settled == 0 { 0.0 } else { series[settled].0 };
    let declared = window.start.as_secs_f64();
    let since =
        |from: f64| mean(series.iter().filter(|(start, _)| *start >= from).map(|(_, latency)| *latency));
    let bias = since(declared).zip(since(at)).filter(|_| at > declared);
    Settling {
        at: Some(at),
        bias: bias.map(|(all, steady)| all / steady - 1.0).filter(|bias| bias.is_finite()),
    }
}

fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (sum, count) = values.fold((0.0, 0.0), |(sum, count), value| (sum + value, count + 1.0));
    (count > 0.0).then(|| sum / count)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Nanos = Nanos(1_000_000_000);

    /// Of 200 intervals of a second, the first so many have twice the latency, and the very first none.
    fn run(slow: usize, silent: usize) -> Vec<Interval> {
        let at = |place: usize| {
            let nanos = 100_000_000 + (place as u64 % 5) * 1_000_000;
            let nanos = if place < slow { 2 * nanos } else { nanos };
            let live = u64::from(place >= silent) * 3;
            Interval { shown: live, live, live_nanos: live * nanos, ..Interval::default() }
        };
        (0..200).map(at).collect()
    }

    fn of(runs: &[&[Interval]], warm_up: u64) -> Settling {
        settling(runs, SECOND, &(Nanos(warm_up * SECOND.0)..Nanos(200 * SECOND.0)))
    }

    #[test]
    fn a_slow_beginning_is_found_by_its_length() {
        assert_eq!(of(&[&run(30, 0)], 30), Settling { at: Some(30.0), bias: None });
        assert_eq!(of(&[&run(30, 0), &run(30, 0)], 60).at, Some(30.0));
        assert_eq!(
            of(&[&run(30, 5)], 30).at,
            Some(30.0),
            "silent intervals are no observations, but they are time"
        );
        assert_eq!(of(&[&run(0, 0)], 0).at, Some(0.0));
        assert_eq!(of(&[&run(150, 0)], 30).at, None);
        assert_eq!(of(&[&run(0, 180)], 0).at, None, "twenty intervals tell nothing");
    }

    #[test]
    fn a_warm_up_that_is_too_short_is_told_by_what_it_does() {
        // Twenty of 190 intervals have twice the latency.
        let short = of(&[&run(30, 0)], 10);
        assert!(
            short.is_late() && short.bias.is_some_and(|bias| (bias - 20.0 / 190.0).abs() < 0.003),
            "{short:?}"
        );
        assert!(!of(&[&run(30, 0)], 29).is_late(), "one interval of 171 changes the mean by less than 1 %");
    }
}
