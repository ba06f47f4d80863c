//! Epidemic broadcast trees: Plumtree.

mod missing;
mod recent;

use missing::Missing;
use recent::Recent;

use super::{Change, HyParView, Intake, intake::Verdict};
use crate::{
    host::{Cx, Host, Input, Lane, Link, Links, Machine, Msg, Overlay, Payload, Peer, TimerKey},
    report::Fact,
    seed::mix,
    spec::overlay::{Membership, Plumtree as Params},
    wire::{ItemId, Kind, Note},
};

/// Brings items along a tree that forms by itself (Leitão, Pereira and Rodrigues, "Epidemic broadcast trees", SRDS 2007,
/// <https://asc.di.fct.unl.pt/~jleitao/pdf/srds07-leitao.pdf>).
///
/// Items are pushed to *eager* neighbours, and announced to the other, *lazy* ones. Everybody begins eager; a neighbour
/// that sends a copy too many is made lazy ([`Kind::Prune`]), so the first flood leaves a tree behind. An item that was
/// announced and does not come is asked for from who announced it, who becomes eager again ([`Kind::Graft`]): so the tree
/// mends. A lazy neighbour that turns out to be much nearer to the author takes the place of the eager one (section 3.8).
///
/// Beyond the paper: a second copy from the neighbour that brought the first prunes nobody, for that is the network's
/// doing; a neighbour that sends a falsified item is pruned; what awaits announcement to a neighbour is announced before
/// it becomes eager, lest it get it neither way; who leaves in good order pushes its last items to all, for it will answer
/// nobody who asks for them. Neighbours that come later are not told of earlier items.
#[derive(Debug)]
pub struct Plumtree<H: Host> {
    params: Params,
    view: Option<HyParView>,
    /// In ascending order of peers.
    neighbours: Vec<Neighbour>,
    intake: Intake<H>,
    recent: Recent<H>,
    missing: Missing,
    /// Whether the timer to ask for what is missing is set, to when the first of it is due.
    asking: bool,
    /// What lazy neighbours will be told of: hops when it gets to them, and what.
    unannounced: Vec<(u8, ItemId)>,
}

#[derive(Clone, Copy, Debug)]
struct Neighbour {
    peer: Peer,
    eager: bool,
}

const ANNOUNCE: TimerKey = TimerKey(0);
const ASK: TimerKey = TimerKey(1);

/// Announcements gathered before they are sent even if their time has not come; as many fit one frame easily.
const MAX_UNANNOUNCED: usize = 1024;

impl<H: Host> Plumtree<H> {
    /// A peer without neighbours.
    #[must_use]
    pub fn new(params: Params) -> Self {
        let view = match &params.membership {
            Membership::HyParView(view) => Some(HyParView::new(view.clone())),
            Membership::Plan {} => None,
        };
        Self {
            recent: Recent::new(params.keep),
            params,
            view,
            neighbours: Vec::new(),
            intake: Intake::default(),
            missing: Missing::default(),
            asking: false,
            unannounced: Vec::new(),
        }
    }

    /// The view that it runs over, unless it runs over the plan's topology.
    pub const fn view(&self) -> Option<&HyParView> {
        self.view.as_ref()
    }

    /// The neighbours that items are pushed to, in ascending order.
    pub fn eager(&self) -> impl Iterator<Item = Peer> + '_ {
        self.neighbours.iter().filter(|it| it.eager).map(|it| it.peer)
    }

    /// The neighbours that items are announced to, in ascending order.
    pub fn lazy(&self) -> impl Iterator<Item = Peer> + '_ {
        self.neighbours.iter().filter(|it| !it.eager).map(|it| it.peer)
    }

    fn add_neighbour(&mut self, peer: Peer) {
        if let Err(place) = self.neighbours.binary_search_by_key(&peer, |it| it.peer) {
            self.neighbours.insert(place, Neighbour { peer, eager: true });
        }
    }

    fn remove_neighbour(&mut self, peer: Peer) {
        self.neighbours.retain(|it| it.peer != peer);
        self.missing.forget_source(peer);
    }

    fn set_eager(&mut self, cx: &mut Cx<'_, H>, peer: Peer, eager: bool) {
        let Ok(place) = self.neighbours.binary_search_by_key(&peer, |it| it.peer) else { return };
        if eager && !self.neighbours[place].eager {
            self.announce(cx);
        }
        self.neighbours[place].eager = eager;
    }

    fn prune(&mut self, cx: &mut Cx<'_, H>, peer: Peer) {
        self.set_eager(cx, peer, false);
        cx.send(peer, Lane::Reliable, Msg::new(Kind::Prune, 0, Payload::Nothing));
    }

    fn on_gossip(&mut self, cx: &mut Cx<'_, H>, from: Peer, hops: u8, item: H::Item) {
        let id = cx.item(&item).id;
        match self.intake.judge(cx, &item) {
            Verdict::Tainted => self.prune(cx, from),
            Verdict::Duplicate => {
                if self.recent.brought_by(id) != Some(from) {
                    self.prune(cx, from);
                }
            }
            Verdict::New => {
                let announced = self.missing.found(id);
                self.spread(cx, Some(from), hops.saturating_add(1), &item);
                self.recent.insert(cx.now, id, from, hops, item.clone());
                self.set_eager(cx, from, true);
                self.optimise(cx, from, hops, announced);
                cx.deliver(from, hops, item);
            }
        }
    }

    /// Pushes an item to eager neighbours and queues it for the others.
    fn spread(&mut self, cx: &mut Cx<'_, H>, from: Option<Peer>, hops: u8, item: &H::Item) {
        let mut lazy = false;
        for neighbour in self.neighbours.iter().filter(|it| Some(it.peer) != from) {
            if neighbour.eager {
                let msg = Msg::new(Kind::Gossip, hops, Payload::Item(item.clone()));
                cx.send(neighbour.peer, Lane::Reliable, msg);
            }
            lazy |= !neighbour.eager;
        }
        if lazy {
            if self.unannounced.is_empty() {
                cx.set_timer(ANNOUNCE, cx.now.saturating_add(self.params.announce_after));
            }
            self.unannounced.push((hops, cx.item(item).id));
            if self.unannounced.len() >= MAX_UNANNOUNCED {
                self.announce(cx);
            }
        }
    }

    /// Tells lazy neighbours what they have not been told, one message for each distance.
    fn announce(&mut self, cx: &mut Cx<'_, H>) {
        if self.unannounced.is_empty() {
            return;
        }
        cx.cancel(ANNOUNCE);
        let mut unannounced = std::mem::take(&mut self.unannounced);
        unannounced.sort_unstable();
        for batch in unannounced.chunk_by(|a, b| a.0 == b.0) {
            let ids = batch.iter().map(|&(_, id)| id).collect();
            let note = cx.make_note(Note::Ids(ids));
            for peer in self.lazy() {
                cx.send(
                    peer,
                    Lane::Reliable,
                    Msg::new(Kind::Announce, batch[0].0, Payload::Note(note.clone())),
                );
            }
        }
    }

    /// Changes the tree when a lazy neighbour announced an item from much nearer than it came.
    fn optimise(&mut self, cx: &mut Cx<'_, H>, from: Peer, hops: u8, announced: Option<(Peer, u8)>) {
        let Some((peer, nearer)) = announced else { return };
        if peer != from && u32::from(hops.saturating_sub(nearer)) >= self.params.optimise_from.get() {
            self.graft(cx, peer, Vec::new());
            self.prune(cx, from);
        }
    }

    /// This peer is leaving. What it would still announce, and what its roles say last, goes to all neighbours in full.
    fn leave(&mut self, cx: &mut Cx<'_, H>) {
        cx.cancel(ANNOUNCE);
        for (hops, id) in std::mem::take(&mut self.unannounced) {
            let Some((_, item)) = self.recent.get(id) else { continue };
            for peer in self.lazy() {
                cx.send(peer, Lane::Reliable, Msg::new(Kind::Gossip, hops, Payload::Item(item.clone())));
            }
        }
        self.neighbours.iter_mut().for_each(|it| it.eager = true);
    }

    fn graft(&mut self, cx: &mut Cx<'_, H>, peer: Peer, ids: Vec<ItemId>) {
        self.set_eager(cx, peer, true);
        let note = cx.make_note(Note::Ids(ids));
        cx.send(peer, Lane::Reliable, Msg::new(Kind::Graft, 0, Payload::Note(note)));
    }

    fn on_announce(&mut self, cx: &mut Cx<'_, H>, from: Peer, hops: u8, ids: &[ItemId]) {
        let due = cx.now.saturating_add(self.params.missing_after);
        for &id in ids {
            if !self.recent.contains(id) && id.author() != cx.me {
                self.missing.announced(id, from, hops, due);
            }
        }
        if !self.asking {
            self.set_ask_timer(cx);
        }
    }

    fn on_graft(&mut self, cx: &mut Cx<'_, H>, from: Peer, ids: &[ItemId]) {
        self.set_eager(cx, from, true);
        for &id in ids {
            if let Some((hops, item)) = self.recent.get(id) {
                let msg = Msg::new(Kind::Gossip, hops.saturating_add(1), Payload::Item(item.clone()));
                cx.send(from, Lane::Reliable, msg);
            }
        }
    }

    /// Asks for what is missing for too long, each neighbour once for all that it is asked for.
    fn ask_for_missing(&mut self, cx: &mut Cx<'_, H>) {
        let again = cx.now.saturating_add(self.params.retry_after);
        for (peer, ids) in self.missing.overdue(cx.now, again) {
            self.graft(cx, peer, ids);
        }
        self.set_ask_timer(cx);
    }

    fn set_ask_timer(&mut self, cx: &mut Cx<'_, H>) {
        let due = self.missing.next_due();
        self.asking = due.is_some();
        if let Some(due) = due {
            cx.set_timer(ASK, due);
        }
    }

    fn on_message(&mut self, cx: &mut Cx<'_, H>, from: Peer, msg: Msg<H>) {
        let ids = match &msg.payload {
            Payload::Note(note) => match cx.note(note) {
                Note::Ids(ids) => ids.clone(),
                _ => return,
            },
            _ => Vec::new(),
        };
        match (msg.kind, msg.payload) {
            (Kind::Gossip, Payload::Item(item)) => self.on_gossip(cx, from, msg.hops, item),
            (Kind::Announce, _) => self.on_announce(cx, from, msg.hops, &ids),
            (Kind::Graft, _) => self.on_graft(cx, from, &ids),
            (Kind::Prune, _) => self.set_eager(cx, from, false),
            _ => {}
        }
    }
}

impl<H: Host> Machine<H> for Plumtree<H> {
    fn step(&mut self, cx: &mut Cx<'_, H>, input: Input<H>) {
        match (&mut self.view, input) {
            (_, Input::Message { from, msg, .. }) if msg.kind <= Kind::Prune => {
                self.on_message(cx, from, msg);
            }
            (_, Input::Timer(ANNOUNCE)) => self.announce(cx),
            (_, Input::Timer(ASK)) => self.ask_for_missing(cx),
            (_, Input::Stop) => self.leave(cx),
            (Some(view), input) => {
                view.step(cx, &input);
                for change in view.changes() {
                    match change {
                        Change::Up(peer) => self.add_neighbour(peer),
                        Change::Down(peer) => self.remove_neighbour(peer),
                    }
                }
            }
            (None, Input::PeerUp { peer, link: Link::Planned }) => self.add_neighbour(peer),
            (None, Input::PeerDown { peer, .. }) => self.remove_neighbour(peer),
            (None, _) => {}
        }
    }

    fn drain_counters(&mut self, record: &mut dyn FnMut(Fact)) {
        self.intake.drain_counters(record);
    }

    fn digest(&self) -> u64 {
        let view = self.view.as_ref().map_or(0, HyParView::digest);
        let tree = self.neighbours.iter();
        tree.fold(mix(view, self.intake.digest(), 0), |hash, it| mix(hash, it.peer.0.into(), it.eager.into()))
    }
}

impl<H: Host> Overlay<H> for Plumtree<H> {
    fn links(&self) -> Links {
        if self.view.is_some() { Links::Chosen } else { Links::Planned }
    }

    fn publish(&mut self, cx: &mut Cx<'_, H>, item: H::Item) {
        let id = cx.item(&item).id;
        self.intake.own(cx, &item);
        self.recent.insert(cx.now, id, cx.me, 0, item.clone());
        self.spread(cx, None, 1, &item);
    }

    fn lives_on(&self, peer: Peer) -> bool {
        self.view.as_ref().is_some_and(|view| view.active().contains(&peer))
    }
}
