//! How a life ends.

use std::{future::poll_fn, task::Poll, time::Duration};

use futures::{
    StreamExt as _,
    future::{Either, select},
};
use futures_timer::Delay;
use peerlab_report::traffic::Loss;
use peerlab_scenarios::{
    host::{Input, Machine},
    report::Fact,
    spec::Leave,
    units::Nanos,
};

use super::{Entry, Node, Phase};
use crate::host::{Native, lane::Parting, timers::Alarm};

/// The longest that a peer takes to leave in good order.
const FAREWELL: Duration = Duration::from_secs(2);

impl<R: Machine<Native>> Node<R> {
    /// Hands out what machines and protocols have counted since they were last asked.
    pub(super) fn drain_counters(&mut self, record: &mut dyn FnMut(Fact)) {
        self.machines.drain_counters(record);
        if let Some(behaviour) = self.swarm.behaviour_mut().pubsub.as_mut() {
            self.publisher.drain(behaviour, record);
        }
        if let Some((finder, behaviour)) = self.kademlia() {
            finder.drain(behaviour, record);
        }
    }

    /// Hands the counters to the report.
    fn collect_counters(&mut self, now: Nanos) {
        let mut entries = std::mem::take(&mut self.entries);
        self.drain_counters(&mut |fact| entries.push(Entry::Fact(now, fact)));
        self.entries = entries;
    }

    /// The peer leaves: in good order, or at once.
    pub(super) async fn leave(&mut self, leave: Leave) {
        if self.phase != Phase::Running {
            return;
        }
        let now = self.clock.now().min(self.setting.end);
        if leave == Leave::Graceful {
            self.inputs.push_back(Input::Stop);
            self.work_off().await;
        }
        self.collect_counters(now);
        self.entries.push(Entry::Down(now));
        self.flush().await;
        self.phase = Phase::Over;
        self.addresses.set(self.me, None);
        // What it fetched and served ends with it.
        self.traffic.lost[Loss::Offline as usize] += self.fetches.under_way() as u64;
        self.fetches = super::Fetches::default();
        if leave == Leave::Graceful {
            let lanes: Vec<_> = self.connections.all().map(|(id, _)| id).collect();
            for lane in &lanes {
                self.swarm.behaviour_mut().lane.part(*lane, Parting::Stopped);
            }
            // Others close a connection when they have heard that. If this process went before, the word might go with it.
            let mut deadline = Delay::new(FAREWELL);
            while self.connections.all().next().is_some() {
                // Whoever gave orders has gone, and would be asked for ever.
                match select(&mut deadline, self.swarm.select_next_some()).await {
                    Either::Right((event, _)) => self.on_swarm(event),
                    Either::Left(_) => break,
                }
            }
        }
        self.bequeath_connections(false);
    }

    /// The run is over for this peer, at this time of it.
    pub(super) fn part(&mut self, now: Nanos) {
        if self.phase == Phase::Running {
            self.legacy.online = true;
            self.legacy.connected = self.connections.connected().collect();
            self.collect_counters(now);
        }
        if self.before.is_none() {
            // Stopped while warming up: nothing was measured yet.
            self.before = Some((self.traffic.clone(), (self.meter)()));
        }
        self.phase = Phase::Over;
        self.timers.cancel(Alarm::End);
        self.timers.set(Alarm::Drained, self.clock.now().saturating_add(Self::LAST_WORDS));
        self.traffic.in_flight += self.fetches.under_way() as u64;
        self.fetches = super::Fetches::default();
        // The run may be stopped before the machines have started: what has come for them stays there.
        self.traffic.in_flight += self.early.take().len() as u64;
        for (connection, _) in self.connections.all().collect::<Vec<_>>() {
            self.swarm.behaviour_mut().lane.part(connection, Parting::Over);
        }
    }

    /// Whether all has been said and heard.
    pub(super) fn has_drained(&self) -> bool {
        self.is_late
            || self.connections.all().all(|(id, _)| self.parted.contains(&id) && self.finished.contains(&id))
    }

    /// Serves the others until they have heard all, which is when this peer is told to go.
    pub(super) async fn stand_by(&mut self) {
        self.bequeath_connections(true);
        poll_fn(|cx| {
            loop {
                match self.orders.poll_next_unpin(cx) {
                    Poll::Ready(None) => return Poll::Ready(()),
                    Poll::Ready(Some(_)) => continue,
                    Poll::Pending => {}
                }
                // What still happens is nobody's business any more, but has to be attended to.
                if self.swarm.poll_next_unpin(cx).is_pending() {
                    return Poll::Pending;
                }
            }
        })
        .await;
    }

    /// Puts down what the connections have carried that stand.
    pub(super) fn bequeath_connections(&mut self, stood: bool) {
        for (connection, _) in self.connections.all().collect::<Vec<_>>() {
            self.close_accounts(connection, stood);
        }
    }

    /// Puts down what is left.
    pub(super) fn bequeath(&mut self) {
        let (warm_up, (sent_before, received_before)) =
            self.before.take().unwrap_or_else(|| (self.traffic.clone(), (self.meter)()));
        let (sent, received) = (self.meter)();
        self.legacy.bytes = (sent - sent_before, received - received_before);
        self.legacy.warm_up = warm_up;
        self.legacy.traffic = std::mem::take(&mut self.traffic);
        self.legacy.kept = std::mem::take(&mut self.kept);
        self.legacy.digest = self.machines.digest();
    }
}
