//! Under which conditions a fleet ran: whether the machine kept up, so that its times are those of the network and not of a queue
//! for the processor.

use std::{fs, time::Instant};

use peerlab_report::quantity;
use peerlab_scenarios::report::Histogram;

/// Peers come this late at the most, ns, 99 times of 100, or the run is degraded: times of fewer milliseconds than that cannot
/// be told from those of the machine.
const MOST_LATE: u64 = 20_000_000;

/// Share of the time in which some task waited for a processor, at the most, by the kernel's account of the whole machine.
const MOST_PRESSURE: f64 = 0.5;

/// Share of the processors' time that the machine below took for others, at the most.
const MOST_STOLEN: f64 = 0.02;

/// The kernel's counters at one instant.
#[derive(Clone, Copy, Debug)]
struct Counters {
    at: Instant,
    /// Time in which some task waited for a processor, µs.
    pressure: Option<u64>,
    /// Ticks of all processors, and those of them that were stolen.
    ticks: Option<(u64, u64)>,
    /// Processor time of this process, ticks.
    own: Option<u64>,
}

impl Counters {
    fn read() -> Self {
        let read = |path| fs::read_to_string(path).ok();
        Self {
            at: Instant::now(),
            pressure: read("/proc/pressure/cpu").as_deref().and_then(pressure),
            ticks: read("/proc/stat").as_deref().and_then(ticks),
            own: read("/proc/self/stat").as_deref().and_then(own),
        }
    }
}

/// `some avg10=1.5 avg60=… avg300=… total=12345` (kernel documentation, accounting/psi).
fn pressure(text: &str) -> Option<u64> {
    let some = text.lines().find(|line| line.starts_with("some "))?;
    some.split_whitespace().find_map(|field| field.strip_prefix("total="))?.parse().ok()
}

/// `cpu user nice system idle iowait irq softirq steal …` (proc_stat(5)).
fn ticks(text: &str) -> Option<(u64, u64)> {
    let fields = text.lines().next()?.strip_prefix("cpu ")?.split_whitespace();
    let fields: Vec<u64> = fields.take(8).map(str::parse).collect::<Result<_, _>>().ok()?;
    Some((fields.iter().sum(), *fields.get(7)?))
}

/// Fields 14 and 15 of proc_pid_stat(5): user and system time. The name before them may hold anything, in parentheses.
fn own(text: &str) -> Option<u64> {
    let mut fields = text.rsplit_once(')')?.1.split_whitespace().skip(11);
    let mut next = || fields.next()?.parse::<u64>().ok();
    Some(next()? + next()?)
}

/// Ticks a second, as all Linux systems of today count them (sysconf(3), `_SC_CLK_TCK`).
const TICKS: f64 = 100.0;

/// How a run went for the machine.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Conditions {
    /// How late peers came when they wanted to be woken, ns, at the 99th percentile and at worst; none when they never did.
    pub late: Option<(u64, u64)>,
    /// Share of the time in which some task waited for a processor; none when the kernel does not tell.
    pub pressure: Option<f64>,
    /// Share of the processors' time that was stolen; none when the kernel does not tell.
    pub stolen: Option<f64>,
    /// Processors that this process kept busy on average; none when the kernel does not tell.
    pub busy: Option<f64>,
}

impl Conditions {
    /// The same, with how late peers were, ns.
    #[must_use]
    pub fn with_lateness(self, lateness: &Histogram) -> Self {
        let late = (!lateness.is_empty()).then(|| (lateness.quantile(0.99), lateness.quantile(1.0)));
        Self { late, ..self }
    }

    /// Adds those of another process, which may be on another machine: the worse of the two, and the processors of both.
    #[cfg(feature = "net")]
    pub(crate) fn add(&mut self, other: &Self) {
        let worse = |a: Option<f64>, b: Option<f64>| a.into_iter().chain(b).reduce(f64::max);
        self.pressure = worse(self.pressure, other.pressure);
        self.stolen = worse(self.stolen, other.stolen);
        self.busy = self.busy.into_iter().chain(other.busy).reduce(|a, b| a + b);
    }

    /// What of it makes a run one to be read with care.
    #[must_use]
    pub fn disturbances(&self) -> Vec<String> {
        let percent = |share: f64| quantity::Unit::Share.show(share);
        let time = |nanos: u64| quantity::Unit::Seconds.show(nanos as f64 / 1e9);
        let late = self.late.filter(|(p99, _)| *p99 > MOST_LATE).map(|(p99, worst)| {
            format!(
                "peers came late when they wanted to be woken: p99 {}, at worst {}, and at most {} is allowed",
                time(p99),
                time(worst),
                time(MOST_LATE)
            )
        });
        let pressure = self.pressure.filter(|share| *share > MOST_PRESSURE).map(|share| {
            format!(
                "tasks of this machine waited for a processor {} of the time, more than {}",
                percent(share),
                percent(MOST_PRESSURE)
            )
        });
        let stolen = self.stolen.filter(|share| *share > MOST_STOLEN).map(|share| {
            format!(
                "{} of the processors' time was stolen, more than {}",
                percent(share),
                percent(MOST_STOLEN)
            )
        });
        [late, pressure, stolen].into_iter().flatten().collect()
    }
}

/// Watches the machine.
#[derive(Clone, Copy, Debug)]
pub(super) struct Watch(Counters);

impl Watch {
    pub(super) fn begin() -> Self {
        Self(Counters::read())
    }

    pub(super) fn end(self) -> Conditions {
        let (before, after) = (self.0, Counters::read());
        let seconds = (after.at - before.at).as_secs_f64();
        let share = |part: f64, whole: f64| (whole > 0.0).then(|| part / whole);
        Conditions {
            late: None,
            pressure: before
                .pressure
                .zip(after.pressure)
                .and_then(|(before, after)| share(after.saturating_sub(before) as f64 / 1e6, seconds)),
            stolen: before.ticks.zip(after.ticks).and_then(|(before, after)| {
                share(after.1.saturating_sub(before.1) as f64, after.0.saturating_sub(before.0) as f64)
            }),
            busy: before
                .own
                .zip(after.own)
                .and_then(|(before, after)| share(after.saturating_sub(before) as f64 / TICKS, seconds)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_accounts_are_read() {
        assert_eq!(
            pressure("some avg10=1.53 avg60=0.87 avg300=0.74 total=77\nfull avg10=0.00 total=3\n"),
            Some(77)
        );
        assert_eq!(ticks("cpu  10 1 20 60 5 0 4 7 0 0\ncpu0 1 1 1\n"), Some((107, 7)));
        assert_eq!(own("42 (a (strange) name) S 1 1 1 0 -1 4194304 1 0 0 0 30 12 0 0 20 0 1"), Some(42));
        assert_eq!((pressure(""), ticks("intr 1"), own("42")), (None, None, None));
    }

    #[test]
    fn each_condition_that_is_not_met_is_told_by_its_figures() {
        assert_eq!(Conditions::default().disturbances(), Vec::<String>::new());
        let fine = Conditions {
            late: Some((MOST_LATE, u64::MAX)),
            pressure: Some(MOST_PRESSURE),
            stolen: Some(MOST_STOLEN),
            busy: Some(2.0),
        };
        assert_eq!(fine.disturbances(), Vec::<String>::new());
        let bad = Conditions {
            late: Some((35_000_000, 1_200_000_000)),
            pressure: Some(0.75),
            stolen: Some(0.1),
            busy: None,
        };
        let told = bad.disturbances();
        assert!(told[0].contains("p99 35 ms, at worst 1.2 s"), "{told:?}");
        assert!(told[1].contains("75 %") && told[2].contains("10 %"), "{told:?}");
    }
}
