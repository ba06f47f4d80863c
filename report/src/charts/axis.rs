//! Axes: which part of the number line is shown, where its ticks stand and what they say.

use std::ops::Range;

use plotters::coord::ranged1d::{KeyPointHint, KeyPointWeight, NoDefaultFormatting, Ranged, ValueFormatter};

use crate::quantity::{Unit, fixed, grouped, join};

/// How values spread along an axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Scale {
    /// Equal lengths for equal differences.
    Linear,
    /// Equal lengths for equal ratios; values that are not positive stand at its lower end.
    Log,
    /// [`Scale::Log`] when the largest value shown is more than ten times the typical one, else [`Scale::Linear`].
    #[default]
    Auto,
}

/// Above this ratio of the largest value to the typical one a linear axis hides most of the data near its origin.
const LOG_ABOVE: f64 = 10.0;

impl Scale {
    /// Whether the axis is logarithmic for data with this typical and largest value.
    pub(crate) fn is_log(self, typical: f64, largest: f64) -> bool {
        match self {
            Self::Linear => false,
            Self::Log => largest > 0.0,
            Self::Auto => typical > 0.0 && largest / typical > LOG_ABOVE,
        }
    }
}

/// Where an axis ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// At the last value.
    Exact,
    /// At the tick after it.
    Tick,
}

struct Tick {
    at: f64,
    label: String,
}

/// One axis, in base units of its [`Unit`].
pub(crate) struct Axis {
    range: Range<f64>,
    log: bool,
    ticks: Vec<Tick>,
    /// Grid lines between the ticks; only a logarithmic axis has them.
    minor: Vec<f64>,
    title: String,
}

impl Axis {
    /// An axis from nought to `high` with at most about `room` ticks.
    pub(crate) fn linear(name: &str, unit: &Unit, high: f64, end: End, room: usize) -> Self {
        let high = if high.is_normal() && high > 0.0 { high } else { 1.0 };
        let multiple = unit.multiple(high);
        let shown = high / multiple.factor;
        let step = step(shown / room.max(1) as f64, &multiple.symbol);
        let steps = match end {
            // The last bits of a sum of floats must not add or cost a tick.
            End::Tick => (shown / step - 1e-9).ceil().max(1.0),
            End::Exact => (shown / step + 1e-9).floor(),
        };
        let decimals = (-step.log10().floor()).max(0.0) as usize;
        let symbol = if *unit == Unit::Count { multiple.symbol.as_str() } else { "" };
        let ticks = (0..=steps as u32)
            .map(|i| {
                let value = f64::from(i) * step;
                let label = if i == 0 { "0".to_owned() } else { join(&number(value, decimals), symbol) };
                Tick { at: value * multiple.factor, label }
            })
            .collect();
        let high = if end == End::Tick { steps * step * multiple.factor } else { high };
        let title = if *unit == Unit::Count || multiple.symbol.is_empty() {
            name.to_owned()
        } else {
            format!("{name} ({})", multiple.symbol)
        };
        Self { range: 0.0..high, log: false, ticks, minor: Vec::new(), title }
    }

    /// A logarithmic axis that covers `low..=high`, both positive; each tick carries its unit.
    pub(crate) fn log(name: &str, unit: &Unit, low: f64, high: f64, room: usize) -> Self {
        let low = neighbour(low, Side::Below);
        let high = neighbour(high.max(low), Side::Above);
        let high = if high <= low { low * 10.0 } else { high };
        let decades = (high / low).log10();
        let first = low.log10().floor() as i32;
        let last = high.log10().ceil() as i32;
        let inside = |value: &f64| *value >= low * (1.0 - 1e-9) && *value <= high * (1.0 + 1e-9);
        let multiples = |factors: &'static [f64], every: usize| {
            (first..=last)
                .step_by(every)
                .flat_map(move |decade| factors.iter().map(move |factor| factor * 10_f64.powi(decade)))
                .filter(inside)
                .collect::<Vec<_>>()
        };
        let major = if decades <= 2.2 {
            multiples(&[1.0, 2.0, 5.0], 1)
        } else {
            multiples(&[1.0], (decades / room.max(1) as f64).ceil().max(1.0) as usize)
        };
        let minor = if decades <= 4.0 {
            multiples(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0], 1)
        } else if decades <= 8.0 {
            multiples(&[1.0, 2.0, 5.0], 1)
        } else {
            multiples(&[1.0], 1)
        };
        let ticks = major.into_iter().map(|at| Tick { at, label: plain(unit, at) }).collect();
        Self { range: low..high, log: true, ticks, minor, title: format!("{name} (log scale)") }
    }

    /// An axis of `bins` bins, each of `width` whole numbers from nought on, whose labels stand under the bins' middles.
    pub(crate) fn bins(name: &str, bins: u64, width: u64) -> Self {
        let every = bins.div_ceil(if width == 1 { 20 } else { 8 }).max(1);
        let ticks = (0..bins)
            .step_by(every as usize)
            .map(|bin| {
                let count = |n: u64| if n < 1_000_000 { grouped(n) } else { Unit::Count.show(n as f64) };
                let first = bin * width;
                let label = if width == 1 {
                    count(first)
                } else {
                    format!("{}–{}", count(first), count(first.saturating_add(width - 1)))
                };
                Tick { at: bin as f64 + 0.5, label }
            })
            .collect();
        Self { range: 0.0..bins as f64, log: false, ticks, minor: Vec::new(), title: name.to_owned() }
    }

    /// An axis without a title of named rows, the first at its upper end, each one long.
    pub(crate) fn rows(labels: Vec<String>) -> Self {
        let count = labels.len().max(1) as f64;
        // Ticks rise, and rows are told from top to bottom.
        let ticks = labels.into_iter().rev().zip(0..);
        let ticks = ticks.map(|(label, row)| Tick { at: f64::from(row) + 0.5, label }).collect();
        Self { range: 0.0..count, log: false, ticks, minor: Vec::new(), title: String::new() }
    }

    pub(crate) fn title(&self) -> &str {
        &self.title
    }

    pub(crate) fn labels(&self) -> impl Iterator<Item = &str> {
        self.ticks.iter().map(|tick| tick.label.as_str())
    }

    /// Where `value` lies along the axis, from 0 to 1; beyond an end counts as the end.
    pub(crate) fn fraction(&self, value: f64) -> f64 {
        let Range { start, end } = self.range;
        let fraction = if self.log {
            (value.max(start) / start).ln() / (end / start).ln()
        } else {
            (value - start) / (end - start)
        };
        fraction.clamp(0.0, 1.0)
    }
}

impl Ranged for Axis {
    type FormatOption = NoDefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, (start, end): (i32, i32)) -> i32 {
        start + (f64::from(end - start) * self.fraction(*value)).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, hint: Hint) -> Vec<f64> {
        match hint.weight() {
            KeyPointWeight::Bold => self.ticks.iter().map(|tick| tick.at).collect(),
            KeyPointWeight::Any => self.minor.clone(),
        }
    }

    fn range(&self) -> Range<f64> {
        self.range.clone()
    }
}

impl ValueFormatter<f64> for Axis {
    fn format_ext(&self, value: &f64) -> String {
        self.ticks.iter().find(|tick| tick.at == *value).map(|tick| tick.label.clone()).unwrap_or_default()
    }
}

/// A number of a tick; beyond all prefixes, large or small, with its power of ten.
fn number(value: f64, decimals: usize) -> String {
    if value >= 1e9 || decimals > 4 {
        format!("{value:.1e}").replace(".0e", "e")
    } else {
        fixed(value, decimals)
    }
}

/// The smallest pleasant step that is not below `least`: 1, 2 or 5 times a power of ten, but halves and quarters of an
/// hour and of a day where these are what is counted.
fn step(least: f64, symbol: &str) -> f64 {
    let ladder: &[f64] = match symbol {
        "min" => &[1.0, 2.0, 5.0, 10.0, 15.0, 20.0, 30.0],
        "h" => &[1.0, 2.0, 3.0, 4.0, 6.0, 12.0],
        _ => &[],
    };
    if let Some(step) = ladder.iter().find(|step| least <= **step && least > 0.5) {
        return *step;
    }
    let power = 10_f64.powf(least.log10().floor());
    [1.0, 2.0, 5.0]
        .iter()
        .map(|digit| digit * power)
        .find(|step| *step >= least * (1.0 - 1e-9))
        .unwrap_or(10.0 * power)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Below,
    Above,
}

/// The 1, 2 or 5 times a power of ten next to `value`, or `value` itself if it is one.
fn neighbour(value: f64, side: Side) -> f64 {
    let value = if value.is_normal() && value > 0.0 { value } else { 1.0 };
    let power = 10_f64.powf(value.log10().floor());
    let near = [1.0, 2.0, 5.0, 10.0].map(|digit| digit * power);
    match side {
        Side::Below => near.into_iter().rev().find(|n| *n <= value * (1.0 + 1e-9)),
        Side::Above => near.into_iter().find(|n| *n >= value * (1.0 - 1e-9)),
    }
    .unwrap_or(power)
}

/// A tick of a logarithmic axis. Durations stay in decimal seconds, for 1,000 s is a decade and 16 min 40 s is not.
fn plain(unit: &Unit, value: f64) -> String {
    if *unit == Unit::Seconds && value > 1.0 { join(&number(value, 0), "s") } else { unit.show(value) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn labels(axis: &Axis) -> Vec<&str> {
        axis.labels().collect()
    }

    #[test]
    fn a_linear_axis_counts_in_the_prefix_that_fits() {
        let axis = Axis::linear("Latency", &Unit::Seconds, 0.23, End::Tick, 6);
        assert_eq!(axis.title(), "Latency (ms)");
        assert_eq!(labels(&axis), ["0", "50", "100", "150", "200", "250"]);
    }

    #[test]
    fn hours_are_divided_as_a_clock_divides_them() {
        let axis = Axis::linear("Time", &Unit::Seconds, 86_400.0, End::Exact, 6);
        assert_eq!(axis.title(), "Time (h)");
        assert_eq!(labels(&axis), ["0", "4", "8", "12", "16", "20", "24"]);
    }

    #[test]
    fn large_counts_carry_the_prefix_at_the_tick() {
        let axis = Axis::linear("Deliveries", &Unit::Count, 6.9e6, End::Tick, 5);
        assert_eq!(axis.title(), "Deliveries");
        assert_eq!(labels(&axis), ["0", "2 M", "4 M", "6 M", "8 M"]);
    }

    #[test]
    fn a_logarithmic_axis_has_a_unit_at_each_tick() {
        let axis = Axis::log("Latency", &Unit::Seconds, 0.004, 30.0, 6);
        assert_eq!(labels(&axis), ["10 ms", "100 ms", "1 s", "10 s"]);
        let short = Axis::log("Latency", &Unit::Seconds, 0.021, 0.18, 6);
        assert_eq!(labels(&short), ["20 ms", "50 ms", "100 ms", "200 ms"]);
    }

    #[test]
    fn auto_turns_logarithmic_when_the_tail_is_long() {
        assert!(Scale::Auto.is_log(0.1, 5.0));
        assert!(!Scale::Auto.is_log(0.1, 0.9));
        assert!(!Scale::Auto.is_log(0.0, 5.0));
        assert!(!Scale::Log.is_log(0.0, 0.0));
    }

    proptest! {
        #[test]
        fn every_axis_holds_its_values_and_has_few_ticks(low in 1e-9_f64..1e12, ratio in 1.0_f64..1e9, room in 2_usize..10) {
            let high = low * ratio;
            for axis in [
                Axis::linear("x", &Unit::Seconds, high, End::Tick, room),
                Axis::linear("x", &Unit::Bytes, high, End::Exact, room),
                Axis::log("x", &Unit::Seconds, low, high, room),
            ] {
                prop_assert!(axis.range.start <= low && axis.range.end >= high * (1.0 - 1e-9));
                prop_assert!((1..=24).contains(&axis.ticks.len()), "{:?}", labels(&axis));
                prop_assert!(axis.ticks.windows(2).all(|pair| pair[0].at < pair[1].at && pair[0].label != pair[1].label));
                prop_assert!((0.0..=1.0).contains(&axis.fraction(low)));
            }
        }
    }
}
