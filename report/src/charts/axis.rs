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

/// s.
const A_DAY: f64 = 86_400.0;

/// Up to so many seconds, an axis of time counts hours: a day's fractions are read off as such, and a decimal's are not.
const HOURS_UNTIL: f64 = 4.0 * A_DAY;

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

/// Bins of whole numbers, one beside the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bins {
    /// The first number of the first.
    pub(crate) from: u64,
    /// Numbers in each.
    pub(crate) width: u64,
    /// How many bins.
    pub(crate) count: u64,
    /// Whether the first holds all below it as well.
    pub(crate) and_below: bool,
    /// Whether the last holds all above it as well.
    pub(crate) and_above: bool,
}

/// There is room for so many at the least: a single one would be a wall.
pub(crate) const FEWEST_BINS: u64 = 7;

impl Bins {
    /// Bins for all numbers from one to another, of which there are about so many at the most.
    pub(crate) fn over(mut from: u64, mut to: u64, most: u64) -> Self {
        if to - from < FEWEST_BINS {
            from = from.saturating_sub(FEWEST_BINS / 2);
            to = to.max(from.saturating_add(FEWEST_BINS - 1));
        }
        let width = (to - from) / most + 1;
        Self { from, width, count: (to - from) / width + 1, and_below: false, and_above: false }
    }

    /// The bin of a number.
    pub(crate) fn of(&self, number: u64) -> u64 {
        (number.saturating_sub(self.from) / self.width).min(self.count - 1)
    }

    fn label(&self, bin: u64) -> String {
        let count = |n: u64| if n < 1_000_000 { grouped(n) } else { Unit::Count.show(n as f64) };
        let first = self.from.saturating_add(bin * self.width);
        let last = first.saturating_add(self.width - 1);
        if bin == 0 && self.and_below {
            format!("≤ {}", count(last))
        } else if bin + 1 == self.count && self.and_above {
            format!("≥ {}", count(first))
        } else if self.width == 1 {
            count(first)
        } else {
            format!("{}–{}", count(first), count(last))
        }
    }
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
        let multiple =
            unit.multiple(if *unit == Unit::Seconds && high <= HOURS_UNTIL { high.min(A_DAY) } else { high });
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
        let low = if low.is_normal() && low > 0.0 { low } else { 1.0 };
        let high = if high.is_normal() && high > low { high } else { low };
        let rungs = Rungs::of(unit, low, high);
        let coarse = |rung: &Rung| rung.rank <= Rank::Part;
        let below =
            rungs.0.iter().rev().filter(|rung| coarse(rung)).find(|rung| rung.at <= low * (1.0 + 1e-9));
        let low = below.map_or(low, |rung| rung.at);
        let above = rungs.0.iter().filter(|rung| coarse(rung)).find(|rung| rung.at >= high * (1.0 - 1e-9));
        let high = above.map_or(high, |rung| rung.at);
        let high = if high <= low { low * 10.0 } else { high };
        let decades = (high / low).log10();
        let inside = |rung: &&Rung| rung.at >= low * (1.0 - 1e-9) && rung.at <= high * (1.0 + 1e-9);
        let up_to = |rank: Rank, every: usize| {
            let all = rungs.0.iter().filter(|rung| rung.rank <= rank);
            all.step_by(every).filter(inside).map(|rung| rung.at).collect::<Vec<_>>()
        };
        let major = if decades <= 2.8 {
            up_to(Rank::Part, 1)
        } else {
            up_to(Rank::Whole, (decades / room.max(1) as f64).ceil().max(1.0) as usize)
        };
        let minor = up_to(
            if decades <= 4.0 {
                Rank::Fine
            } else if decades <= 8.0 {
                Rank::Part
            } else {
                Rank::Whole
            },
            1,
        );
        let ticks = major.into_iter().map(|at| Tick { at, label: plain(unit, at) }).collect();
        Self { range: low..high, log: true, ticks, minor, title: format!("{name} (log scale)") }
    }

    /// An axis of bins, whose labels stand under the bins' middles.
    pub(crate) fn bins(name: &str, bins: &Bins) -> Self {
        let every = bins.count.div_ceil(if bins.width == 1 { 20 } else { 8 }).max(1);
        let mut labelled: Vec<u64> = (0..bins.count).step_by(every as usize).collect();
        let last = bins.count - 1;
        if bins.and_above && labelled.last() != Some(&last) {
            labelled.retain(|bin| bin + every <= last);
            labelled.push(last);
        }
        let ticks = labelled.into_iter().map(|bin| Tick { at: bin as f64 + 0.5, label: bins.label(bin) });
        Self {
            range: 0.0..bins.count as f64,
            log: false,
            ticks: ticks.collect(),
            minor: Vec::new(),
            title: name.to_owned(),
        }
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
        "h" => &[1.0, 2.0, 3.0, 4.0, 6.0, 12.0, 24.0],
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

/// How much a value stands out on a logarithmic axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    /// A power of ten, or one or ten of a unit of time.
    Whole,
    /// Two or five times one, or where a clock divides otherwise.
    Part,
    /// The other multiples.
    Fine,
}

/// A value that a logarithmic axis may mark.
#[derive(Clone, Copy, Debug)]
struct Rung {
    at: f64,
    rank: Rank,
}

/// All that a logarithmic axis may mark, rising.
struct Rungs(Vec<Rung>);

/// Multiples of a unit of time.
type Multiples = &'static [f64];

/// From 10 s to 100 days as people count, each with its rank; in between, powers of ten would be no time of any clock.
const CLOCK: [(f64, Multiples, Multiples, Multiples); 3] = [
    // Unit, whole, part and fine multiples.
    (60.0, &[1.0, 10.0], &[2.0, 5.0, 30.0], &[3.0, 4.0, 6.0, 7.0, 8.0, 9.0, 20.0, 40.0, 50.0]),
    (3_600.0, &[1.0, 10.0], &[2.0, 5.0], &[3.0, 4.0, 6.0, 7.0, 8.0, 9.0, 20.0]),
    (86_400.0, &[1.0, 10.0, 100.0], &[2.0, 5.0, 20.0, 50.0], &[3.0, 4.0, 6.0, 7.0, 8.0, 9.0, 30.0, 40.0]),
];

impl Rungs {
    /// Those from a decade below `low` to a decade above `high`.
    fn of(unit: &Unit, low: f64, high: f64) -> Self {
        let decades = low.log10().floor() as i32 - 1..=high.log10().ceil() as i32 + 1;
        let rungs = decades.flat_map(|decade| {
            let rank = |digit| match digit {
                1 => Rank::Whole,
                2 | 5 => Rank::Part,
                _ => Rank::Fine,
            };
            (1..10).map(move |digit| Rung { at: f64::from(digit) * 10_f64.powi(decade), rank: rank(digit) })
        });
        let first_of_clock = CLOCK[0].0;
        if *unit != Unit::Seconds || high <= first_of_clock {
            return Self(rungs.collect());
        }
        let by_clock = CLOCK.into_iter().flat_map(|(unit, whole, part, fine)| {
            let ranked = [(whole, Rank::Whole), (part, Rank::Part), (fine, Rank::Fine)];
            ranked.into_iter().flat_map(move |(multiples, rank)| {
                multiples.iter().map(move |multiple| Rung { at: multiple * unit, rank })
            })
        });
        let last_of_clock = 100.0 * CLOCK[2].0;
        let outside = rungs.filter(|rung| rung.at < first_of_clock || rung.at > last_of_clock);
        // 50 s would stand too near to a minute to be told from it.
        let outside =
            outside.map(|rung| Rung { rank: if rung.at == 50.0 { Rank::Fine } else { rung.rank }, ..rung });
        let mut all: Vec<Rung> = outside.chain(by_clock).collect();
        all.sort_by(|a, b| a.at.total_cmp(&b.at));
        Self(all)
    }
}

/// A tick of a logarithmic axis. Durations that are longer than any clock tells stay in decimal seconds.
fn plain(unit: &Unit, value: f64) -> String {
    if *unit != Unit::Seconds || value < 1.0 {
        return unit.show(value);
    }
    let clock = CLOCK.iter().rev().zip(["d", "h", "min"]).find(|((unit, ..), _)| value >= *unit);
    match clock {
        Some(((factor, ..), symbol)) if value <= 100.0 * CLOCK[2].0 => {
            join(&number(value / factor, 0), symbol)
        }
        _ => join(&number(value, 0), "s"),
    }
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
        assert_eq!(
            labels(&Axis::log("Bytes", &Unit::Bytes, 1e3, 3e9, 7)),
            ["1 kB", "10 kB", "100 kB", "1 MB", "10 MB", "100 MB", "1 GB"]
        );
        assert_eq!(labels(&short), ["20 ms", "50 ms", "100 ms", "200 ms"]);
    }

    #[test]
    fn long_durations_are_told_as_a_clock_tells_them() {
        let axis = Axis::log("Latency", &Unit::Seconds, 0.005, 55_000.0, 9);
        assert_eq!(
            labels(&axis),
            ["10 ms", "100 ms", "1 s", "10 s", "1 min", "10 min", "1 h", "10 h", "1 d"]
        );
        let rollout = Axis::log("Time", &Unit::Seconds, 7.0, 637.0, 7);
        assert_eq!(labels(&rollout), ["5 s", "10 s", "20 s", "1 min", "2 min", "5 min", "10 min", "30 min"]);
        let week = Axis::linear("Time", &Unit::Seconds, 56.0 * 3600.0, End::Exact, 8);
        assert_eq!((week.title(), labels(&week)), ("Time (h)", vec!["0", "12", "24", "36", "48"]));
    }

    #[test]
    fn the_ends_of_bins_say_that_they_hold_the_rest() {
        let bins = Bins { from: 120, width: 2, count: 40, and_below: true, and_above: true };
        let axis = Axis::bins("Copies", &bins);
        let labels = labels(&axis);
        assert_eq!((labels[0], labels[1], *labels.last().unwrap()), ("≤ 121", "130–131", "≥ 198"));
        assert_eq!([0, 121, 122, 999].map(|number| bins.of(number)), [0, 0, 1, 39]);
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
