//! The flood as a loop written for nothing else, on the engine's wheel and with the network's formulas.

use peerlab_scenarios::{
    host::{Command, Peer},
    seed::{mix, unit_from},
    wire::HEADER,
};
use peerlab_simulator::engine::wheel::{Event, Wheel};

use crate::{
    Tally,
    author::post,
    fleet::{Fleet, MOST_MESSAGES},
};

/// The stages of a copy's way.
const SAID: u32 = 0;
const ARRIVES: u32 = 1;
const DELIVERED: u32 = 2;

/// A peer's links and what it has seen.
#[derive(Clone, Copy, Default)]
#[repr(align(64))]
struct Port {
    up_free: u64,
    down_free: u64,
    sent: u64,
    received: u64,
    seen: [u64; MOST_MESSAGES.div_ceil(64) as usize],
    seq: u16,
}

/// A link to a neighbour.
struct Link {
    to: u32,
    /// One-way delay, ns.
    delay: u32,
    /// When the last message sent over it arrives, ns.
    arrives: u64,
}

/// A run that is ready to begin.
pub(crate) struct Loop {
    wheel: Wheel,
    ports: Vec<Port>,
    offsets: Vec<usize>,
    links: Vec<Link>,
    /// Length of a frame with overhead, by message.
    bytes: Vec<u64>,
    /// Time of a byte, ns × 2²⁰.
    up: u64,
    down: u64,
    /// Jitter as a share of the delay, of 2³².
    jitter: u64,
    /// Chance that a message is lost, of 2³².
    loss: u64,
    salt: u64,
}

impl Loop {
    pub(crate) fn new(fleet: &Fleet) -> Self {
        let plan = &fleet.plan;
        let (net, group) = (&plan.spec.network, &plan.peers.groups()[0]);
        let (mut offsets, mut links) = (vec![0], Vec::new());
        for peer in plan.peers.iter() {
            let to = plan.graph.neighbours(peer.0).iter();
            links.extend(to.map(|&to| Link { to, delay: plan.delay(peer, Peer(to)).0 as u32, arrives: 0 }));
            offsets.push(links.len());
        }
        let (mut wheel, mut bytes) = (Wheel::new(), Vec::new());
        for (number, (at, author, command)) in (0..).zip(fleet.posts()) {
            let Command::Post { room, bytes: body } = command else { unreachable!("the fleet chats") };
            let len = HEADER + post(0, author, 0, room, at, body).encoded_len();
            assert!(u64::from(len) <= net.packet.0, "a message is one packet");
            bytes.push(u64::from(len) + net.overhead.0);
            wheel.push(Event::new(at.0, author.0, author.0, 0, SAID, number));
        }
        let pace = |rate: u64| (8_000_000_000u64 << 20).div_ceil(rate);
        let arrives = (1.0 - group.loss.as_f64()) * (1.0 - net.loss.as_f64()) * (1.0 - group.loss.as_f64());
        Self {
            wheel,
            ports: vec![Port::default(); offsets.len() - 1],
            offsets,
            links,
            bytes,
            up: pace(group.up.0),
            down: pace(group.down.0),
            jitter: (u64::from(net.jitter.parts_per_billion()) << 32) / 1_000_000_000,
            loss: ((1.0 - arrives) * 4_294_967_296.0) as u64,
            salt: plan.seed.salt("network"),
        }
    }

    pub(crate) fn run(mut self) -> Tally {
        let mut tally = Tally::default();
        while let Some(event) = self.wheel.pop() {
            let (peer, message) = (event.dst() as usize, event.handle());
            let port = &mut self.ports[peer];
            let bytes = self.bytes[message as usize];
            match event.tag() {
                ARRIVES => {
                    port.down_free = port.down_free.max(event.time) + ((self.down * bytes) >> 20);
                    port.received += bytes;
                    self.wheel.push(Event { time: port.down_free, ..event.with_tag(DELIVERED) });
                    continue;
                }
                DELIVERED => {
                    tally.delivered += 1;
                    tally.instants = tally.instants.wrapping_add(event.time);
                }
                _ => {}
            }
            let (word, bit) = (message as usize / 64, 1 << (message % 64));
            if port.seen[word] & bit != 0 {
                continue;
            }
            port.seen[word] |= bit;
            for link in self.offsets[peer]..self.offsets[peer + 1] {
                if event.tag() == SAID || self.links[link].to != event.src() {
                    self.send(event.time, event.dst(), link, message, bytes);
                }
            }
        }
        tally
    }

    #[inline]
    fn send(&mut self, now: u64, from: u32, link: usize, message: u32, bytes: u64) {
        let (port, link) = (&mut self.ports[from as usize], &mut self.links[link]);
        port.seq = port.seq.wrapping_add(1);
        port.up_free = port.up_free.max(now) + ((self.up * bytes) >> 20);
        port.sent += bytes;
        let departs = port.up_free;
        let pair = u64::from(from) << 32 | u64::from(link.to);
        let draw = mix(self.salt.wrapping_add(departs), pair, u64::from(port.seq));
        let delay = u64::from(link.delay);
        let amplitude = (delay * self.jitter) >> 32;
        let mut flight = delay - amplitude + ((2 * amplitude * u64::from(draw as u32)) >> 32);
        if draw >> 32 < self.loss {
            flight += retransmissions(draw, delay, self.loss);
        }
        link.arrives = (departs + flight).max(link.arrives + 1);
        self.wheel.push(Event::new(link.arrives, link.to, from, port.seq, ARRIVES, message));
    }
}

/// What sending a lost packet again takes, ns: twice the round trip, then twice that, and so on.
#[cold]
fn retransmissions(draw: u64, delay: u64, loss: u64) -> u64 {
    let through = libm::log1p(-(loss as f64 / 4_294_967_296.0));
    let (mut waited, mut timeout) = (0, 4 * delay.max(500_000));
    for round in 1.. {
        waited += timeout;
        timeout *= 2;
        if libm::log(unit_from(mix(mix(draw, round, 1), 0, 2))) / through >= 1.0 {
            break;
        }
    }
    waited
}
