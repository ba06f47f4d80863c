//! How fast a transport lets a flow become, whatever its links could carry.
//!
//! A connection begins with a window of ten packets a round trip (RFC 6928) and doubles it each round trip in which the window was
//! what held it back: slow start (RFC 5681, section 3.1). It stops being held back when its fair share is less, and goes on
//! doubling if that grows later. After a pause longer than a retransmission timeout it begins anew (section 4.1; the timeout is at
//! least 1 s, RFC 6298, section 2.4). On a path that loses packets the window ends where CUBIC's does on average (RFC 9438,
//! section 5):
//!
//! > W = max(1.2 / p^0.5, 1.054 · (RTT / p)^0.75) packets
//!
//! Left out: overshoot at the end of slow start and the losses that it causes, the slower growth of congestion avoidance above
//! the share that a flow once had, and queues that build up and lengthen the round trip. All three make it optimistic.

use peerlab_scenarios::units::Nanos;

use super::solver::UNLIMITED;

/// Packets of the first window (RFC 6928, section 2).
const INITIAL_WINDOW: u64 = 10;

/// The shortest round trip that is reckoned with, ns.
const LEAST_ROUND_TRIP: u64 = 10_000;

/// The least pause after which a connection begins anew, ns.
const IDLE: u64 = Nanos::from_secs(1).0;

/// What a transport knows of a path.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Path {
    /// Round trip, ns.
    pub round_trip: u64,
    /// Bytes of a full packet, overhead included.
    pub packet: u64,
    /// Share of the packets that are lost, 0 to 1.
    pub loss: f64,
}

impl Path {
    /// The rate of so many packets a round trip, bit/s.
    fn rate_of(self, packets: f64) -> u64 {
        let bits = packets * (self.packet * 8) as f64;
        (bits * 1e9 / self.round_trip.max(LEAST_ROUND_TRIP) as f64) as u64
    }

    /// What the losses of the path leave, bit/s.
    fn ceiling(self) -> u64 {
        if self.loss <= 0.0 {
            return UNLIMITED;
        }
        let seconds = self.round_trip.max(LEAST_ROUND_TRIP) as f64 / 1e9;
        let reno = 1.2 / libm::sqrt(self.loss);
        let cubic = 1.054 * libm::pow(seconds / self.loss, 0.75);
        self.rate_of(reno.max(cubic))
    }
}

/// The limit that a transport sets to a flow.
#[derive(Clone, Copy, Debug)]
pub struct Ramp {
    path: Path,
    limit: u64,
    ceiling: u64,
}

impl Ramp {
    /// A connection that has not sent anything yet.
    #[must_use]
    pub fn new(path: Path) -> Self {
        let ceiling = path.ceiling();
        Self { path, limit: path.rate_of(INITIAL_WINDOW as f64).clamp(1, ceiling), ceiling }
    }

    /// The most that the flow may have, bit/s.
    #[must_use]
    pub const fn limit(&self) -> u64 {
        self.limit
    }

    /// How long until the window may be larger, ns.
    #[must_use]
    pub fn round_trip(&self) -> u64 {
        self.path.round_trip.max(LEAST_ROUND_TRIP)
    }

    /// Whether the limit can rise.
    #[must_use]
    pub const fn can_grow(&self) -> bool {
        self.limit < self.ceiling
    }

    /// A round trip has passed in which the limit was what held the flow back.
    pub fn grow(&mut self) {
        self.limit = self.limit.saturating_mul(2).min(self.ceiling);
    }

    /// The path is another now; what the window has grown to stays, as far as the path allows it.
    pub fn moves_to(&mut self, path: Path) {
        let limit = self.limit;
        *self = Self::new(path);
        self.limit = limit.clamp(1, self.ceiling);
    }

    /// Sends again after so long a pause, ns.
    pub fn resume(&mut self, pause: u64) {
        if pause > IDLE.max(2 * self.round_trip()) {
            *self = Self::new(self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATH: Path = Path { round_trip: 100_000_000, packet: 1_250, loss: 0.0 };

    #[test]
    fn a_window_of_ten_packets_doubles_each_round_trip_and_begins_anew_after_a_pause() {
        let mut ramp = Ramp::new(PATH);
        assert_eq!(ramp.limit(), 1_000_000, "10 packets of 10 kbit each 0.1 s");
        ramp.grow();
        ramp.grow();
        assert_eq!(ramp.limit(), 4_000_000);
        ramp.resume(900_000_000);
        assert_eq!(ramp.limit(), 4_000_000);
        ramp.resume(1_100_000_000);
        assert_eq!(ramp.limit(), 1_000_000);
    }

    /// Table 1 of RFC 9438: at a round trip of 0.1 s and a loss of 10^-4, CUBIC's window is that of Reno's formula or better.
    #[test]
    fn losses_set_a_ceiling() {
        let mut ramp = Ramp::new(Path { loss: 1e-4, ..PATH });
        (0..20).for_each(|_| ramp.grow());
        let window = ramp.limit() as f64 * 0.1 / (PATH.packet * 8) as f64;
        assert!((window - 187.4).abs() < 1.0, "{window} packets");
        assert!(!ramp.can_grow());
        ramp.moves_to(PATH);
        assert!(ramp.can_grow());
    }
}
