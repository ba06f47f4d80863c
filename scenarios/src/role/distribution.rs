//! An update that peers bring to one another.
//!
//! **Trust.** What is released is said by a manifest that the publisher signs ([`crate::wire::update`]); the overlay spreads it,
//! and peers that meet tell each other which version they know of, and send the manifest to whoever is behind. A peer takes the
//! newest that it meets, and never goes back (rollback); takes none that is of someone else, or has expired (freeze); and takes
//! only chunks that the manifest accepts (mix and match), before it keeps, passes on or installs them. These are the attacks that
//! The Update Framework lists. One key signs all here: its delegations, thresholds and rotation of keys are left out.
//!
//! **Swarm.** As in BitTorrent (Cohen, P2PEcon 2003; BEP 3): peers tell whom they are connected with what they have, fetch the
//! chunk that the fewest of these have, several at a time so that no link idles for a round trip, and near the end the last ones
//! from several. They serve whoever asks; choking is left out, for fleets of one owner have no need of tit for tat, and links are
//! shared fairly. A holder that lets a fetch wait too long is asked last; one that sends something falsified never again.
//!
//! **Nearness.** A peer connects with some of its site and region and few far away ([`UpdatePlan::partners`]), as if a tracker
//! that knows the network had told it (RFC 7285, RFC 6708), and asks those nearby before those far away. Neighbours of
//! the topology that take part are asked too.
//!
//! **Origin.** The publisher has all and is asked last: by its neighbours for what nobody else around has, which is how a release
//! comes into the swarm, and by others when they are late. Until somebody can be late it serves a chunk again only when whoever had
//! it first had time to pass it on (BEP 16), so that its neighbours do not all fetch the same.
//!
//! A crash takes all but manifest and chunks, which are stored as they come.

mod download;
mod fetching;
mod mates;

use std::{collections::BTreeSet, sync::Arc};

use download::{Download, Request};
use mates::{Mate, Mates};

use crate::{
    host::{Command, Cx, Host, Input, Lane, Link, Machine, Msg, Payload, Peer, StoreKey, TimerKey},
    plan::update::UpdatePlan,
    report::{Fact, ManifestFault},
    seed::mix,
    units::Nanos,
    wire::{
        Blob, Content, Item, Kind, Note, merkle,
        update::{Chunk, HaveMap, MAX_CHUNKS, Manifest, UpdateItem, chunk_id, manifest_id},
    },
};

/// Time to tell the others what has come.
const ANNOUNCE: TimerKey = TimerKey(0);
/// Time to begin.
const BEGIN: TimerKey = TimerKey(1);
/// Time to look for fetches that take too long, and for partners that are not connected.
const LOOK: TimerKey = TimerKey(2);
/// Time to go to the publisher.
const FALLBACK: TimerKey = TimerKey(3);

/// What manifests are published under.
const MANIFESTS: u32 = 0;

/// How often a peer looks while its patience lasts.
const LOOKS: u64 = 6;

/// A machine's names have so many bits.
const NAMES: u32 = (1 << 24) - 1;

/// A publisher of an update, or a peer that is to get it.
#[derive(Debug)]
pub struct Distribution<H: Host> {
    plan: Arc<UpdatePlan>,
    /// The newest release that this peer knows of.
    download: Option<Box<Download<H>>>,
    mates: Mates,
    /// Those who sent something falsified.
    banned: BTreeSet<Peer>,
    next_req: u32,
    /// Whether word of new chunks is being saved up.
    announces: bool,
}

impl<H: Host> Distribution<H> {
    /// The role of a peer that takes part in this update; it begins with [`Input::Start`].
    #[must_use]
    pub fn new(plan: Arc<UpdatePlan>) -> Self {
        Self {
            plan,
            download: None,
            mates: Mates::default(),
            banned: BTreeSet::new(),
            next_req: 0,
            announces: false,
        }
    }

    /// The newest version that this peer knows of, 0 when it knows of none, and how many chunks of it are missing.
    #[must_use]
    pub fn progress(&self) -> (u32, u32) {
        self.download.as_ref().map_or((0, 0), |download| (download.version(), download.missing()))
    }

    /// The chunks of that version that this peer has, in their order.
    pub fn chunks(&self) -> impl Iterator<Item = &H::Item> {
        self.download.iter().flat_map(|download| download.chunks())
    }

    fn start(&mut self, cx: &mut Cx<'_, H>, kept: &[(StoreKey, H::Item)]) {
        *self = Self::new(Arc::clone(&self.plan));
        cx.subscribe(MANIFESTS);
        for (_, item) in kept {
            if let Ok(manifest) = self.judge(cx, item) {
                self.adopt(cx, manifest, item.clone());
            }
        }
        let Some(download) = &mut self.download else { return };
        for (_, item) in kept {
            if let Some(which) = download.manifest.accepts(cx.item(item)) {
                download.keep(which, item.clone());
            }
        }
        self.schedule(cx);
    }

    /// Whether a manifest is to take the place of the one that this peer has.
    fn judge(&self, cx: &Cx<'_, H>, item: &H::Item) -> Result<Manifest, Option<ManifestFault>> {
        let item = cx.item(item);
        let Content::Update(UpdateItem::Manifest(manifest)) = &item.content else { return Err(None) };
        let known = self.download.as_ref().map_or(0, |download| download.version());
        if item.tainted {
            Err(Some(ManifestFault::Tainted))
        } else if item.author() != self.plan.publisher() || manifest.chunks() >= MAX_CHUNKS {
            Err(Some(ManifestFault::Stranger))
        } else if manifest.version == known {
            Err(None)
        } else if manifest.version < known {
            Err(Some(ManifestFault::Rollback))
        } else if manifest.expires <= cx.now {
            Err(Some(ManifestFault::Expired))
        } else {
            Ok(manifest.clone())
        }
    }

    /// Takes a manifest, and with it the release, for the newest.
    fn adopt(&mut self, cx: &mut Cx<'_, H>, manifest: Manifest, signed: H::Item) {
        if let Some(old) = self.download.take() {
            for (req, request) in old.requests {
                cx.abort(req);
                self.ended(request.from);
            }
        }
        let released = cx.item(&signed).at;
        let turn = self.plan.turn(cx.me, &manifest.stages);
        let begins = turn.map(|turn| released.saturating_add(turn));
        let mut download = Box::new(Download::new(manifest, signed, released, begins));
        let trusted = self.mates.iter().filter(|mate| !self.banned.contains(&mate.peer));
        trusted.for_each(|mate| download.count_holder(&mate.have, true));
        if self.plan.publishes(cx.me) {
            self.make_chunks(cx, &mut download);
        }
        self.download = Some(download);
    }

    /// Makes a publisher's own copies of all chunks.
    fn make_chunks(&self, cx: &mut Cx<'_, H>, download: &mut Download<H>) {
        let version = download.version();
        let Some(release) = self.plan.release(version) else { return };
        for ((path, leaf), index) in merkle::paths(&release.leaves).into_iter().zip(&release.leaves).zip(0..)
        {
            let body = Blob::Sized(release.manifest.len_of(index));
            let id = chunk_id(self.plan.workload(), self.plan.publisher(), version, index);
            let chunk = UpdateItem::Chunk(Chunk { version, index, path, body });
            let item = cx.make_item(Item::new(id, version, cx.now, Content::Update(chunk)));
            download.keep((index, *leaf), item);
        }
    }

    /// Takes in a manifest, from whomever, and tells others if it is news.
    fn consider(&mut self, cx: &mut Cx<'_, H>, item: H::Item) {
        let workload = self.plan.workload();
        match self.judge(cx, &item) {
            Ok(manifest) => {
                cx.store(self.key(0), item.clone());
                self.adopt(cx, manifest, item);
                self.tell_all(cx, 1);
                self.schedule(cx);
            }
            Err(Some(why)) => cx.record(Fact::ManifestRefused { workload, why }),
            Err(None) => {}
        }
    }

    /// Sets the timers of a release that is not complete.
    fn schedule(&mut self, cx: &mut Cx<'_, H>) {
        let Some(download) = &self.download else { return };
        if let (Some(begins), false) = (download.begins, download.is_complete()) {
            cx.set_timer(BEGIN, begins);
            cx.set_timer(FALLBACK, begins.saturating_add(self.plan.spec().fallback).max(cx.now));
        }
    }

    /// The user of the publisher releases a version.
    fn release(&mut self, cx: &mut Cx<'_, H>, version: u32) {
        let Some(release) = self.plan.release(version) else { return };
        let (workload, content) = (self.plan.workload(), release.content());
        let id = manifest_id(workload, cx.me, version);
        let manifest = UpdateItem::Manifest(release.manifest.clone());
        let item = cx.make_item(Item::new(id, MANIFESTS, cx.now, Content::Update(manifest)));
        cx.record(Fact::Released { workload, version, content });
        cx.publish(item.clone());
        self.consider(cx, item);
    }

    fn key(&self, number: u64) -> StoreKey {
        StoreKey(u64::from(self.plan.workload()) << 56 | number)
    }

    /// This peer's turn has come, or it is back.
    fn begin(&mut self, cx: &mut Cx<'_, H>) {
        if self.is_running(cx.now) {
            self.dial_partners(cx);
            self.fill(cx);
            cx.set_timer(LOOK, cx.now.saturating_add(self.pause()));
        }
    }

    fn is_running(&self, now: Nanos) -> bool {
        self.download.as_ref().is_some_and(|download| download.is_running(now))
    }

    fn dial_partners(&self, cx: &mut Cx<'_, H>) {
        let partners = self.plan.partners(cx.me).into_iter();
        for peer in partners.filter(|peer| self.mates.get(*peer).is_none() && !self.banned.contains(peer)) {
            cx.dial(peer);
        }
    }

    /// Time between two looks.
    fn pause(&self) -> Nanos {
        Nanos(self.plan.spec().fetch.patience.0 / LOOKS)
    }

    /// Looks for fetches that take too long, and for partners that are not connected.
    fn look(&mut self, cx: &mut Cx<'_, H>) {
        let patience = self.plan.spec().fetch.patience;
        let Some(download) = &self.download else { return };
        let (now, is_overdue) =
            (cx.now, |request: &Request| cx.now.saturating_sub(request.since) >= patience);
        for req in download.requests_that(is_overdue) {
            if let Some(from) = self.give_up(cx, req)
                && let Some(mate) = self.mates.get_mut(from)
            {
                mate.is_slow = true;
            }
        }
        if self.is_running(now) {
            self.hope_again();
            self.begin(cx);
        }
    }

    fn kept(&mut self, cx: &mut Cx<'_, H>, index: u32, item: H::Item) {
        cx.store(self.key(1 + u64::from(index)), item);
        let Some(download) = &mut self.download else { return };
        download.fresh.push(index);
        let is_complete = download.is_complete();
        for req in download.requests_that(|request| request.index == index) {
            self.give_up(cx, req);
        }
        if is_complete {
            self.install(cx);
            self.announce(cx);
            self.part_from_the_complete(cx);
        } else if !self.announces {
            self.announces = true;
            cx.set_timer(ANNOUNCE, cx.now.saturating_add(self.plan.spec().fetch.announce_after));
        }
    }

    /// All chunks are here, each of them checked.
    fn install(&self, cx: &mut Cx<'_, H>) {
        let (workload, Some(download)) = (self.plan.workload(), &self.download) else { return };
        if download.manifest.expires <= cx.now {
            return cx.record(Fact::ManifestRefused { workload, why: ManifestFault::Expired });
        }
        let (version, released, content) = (download.version(), download.released, download.content());
        cx.record(Fact::Installed { workload, version, released, content });
    }

    fn have(&self) -> HaveMap {
        self.download.as_ref().map_or_else(HaveMap::default, |download| download.have())
    }

    /// Tells all mates which version this peer knows of, and what of it it has. `hops` 1 asks for the same in return.
    fn tell_all(&self, cx: &mut Cx<'_, H>, hops: u8) {
        let note = cx.make_note(Note::Have(self.have()));
        for mate in self.mates.iter() {
            self.send(cx, mate.peer, Kind::UpdateHave, hops, Payload::Note(note.clone()));
        }
    }

    fn tell(&self, cx: &mut Cx<'_, H>, peer: Peer) {
        let note = cx.make_note(Note::Have(self.have()));
        self.send(cx, peer, Kind::UpdateHave, 0, Payload::Note(note));
    }

    fn send(&self, cx: &mut Cx<'_, H>, to: Peer, kind: Kind, hops: u8, payload: Payload<H>) {
        cx.send(to, Lane::Reliable, Msg { kind, hops, workload: self.plan.workload(), payload });
    }

    /// Tells those who may want them which chunks have come.
    fn announce(&mut self, cx: &mut Cx<'_, H>) {
        self.announces = false;
        let Some(download) = &mut self.download else { return };
        let (version, count) = (download.version(), download.count());
        let fresh = std::mem::take(&mut download.fresh);
        if fresh.is_empty() {
            return;
        }
        let note = cx.make_note(Note::Have(HaveMap::of(version, fresh)));
        for mate in self.mates.iter() {
            if mate.have.version == version && !mate.has_all(version, count) && !mate.publishes {
                self.send(cx, mate.peer, Kind::UpdateGot, 0, Payload::Note(note.clone()));
            }
        }
    }

    /// A mate says what it has.
    fn hear(&mut self, cx: &mut Cx<'_, H>, from: Peer, msg: &Msg<H>, map: HaveMap) {
        let known = self.download.as_ref().map_or(0, |download| download.version());
        let (version, counts) = (map.version, !self.banned.contains(&from));
        let Some(mate) = self.mates.get_mut(from) else { return };
        let download = self.download.as_mut().filter(|_| counts);
        if msg.kind == Kind::UpdateGot {
            let new = mate.have.add(map);
            if let Some(download) = download {
                download.count_holder(&new, true);
            }
        } else {
            let before = std::mem::replace(&mut mate.have, map);
            if let Some(download) = download {
                download.count_holder(&before, false);
                download.count_holder(&mate.have, true);
            }
            if let (Some(download), true) = (&self.download, version < known) {
                let manifest = Payload::Item(download.signed.clone());
                self.send(cx, from, Kind::UpdateManifest, 0, manifest);
            }
            if msg.hops == 1 || version < known {
                self.tell(cx, from);
            }
        }
        self.fill(cx);
        self.part_from_the_complete(cx);
    }

    /// Ends connections that this peer asked for with those who have all, once it has all itself.
    fn part_from_the_complete(&self, cx: &mut Cx<'_, H>) {
        let Some(download) = self.download.as_ref().filter(|download| download.is_complete()) else { return };
        let (version, count) = (download.version(), download.count());
        let done =
            self.mates.iter().filter(|mate| mate.link == Link::Dialled && mate.has_all(version, count));
        done.for_each(|mate| cx.hang_up(mate.peer));
    }

    fn meet(&mut self, cx: &mut Cx<'_, H>, peer: Peer, link: Link) {
        if !self.plan.takes_part(peer) {
            return;
        }
        let is_out = self.banned.contains(&peer);
        self.mates.add(Mate {
            peer,
            link,
            publishes: self.plan.publishes(peer),
            locality: self.plan.locality(cx.me, peer),
            have: HaveMap::default(),
            fetching: 0,
            is_slow: false,
            is_out,
        });
        self.tell(cx, peer);
    }

    fn part(&mut self, peer: Peer) {
        let Some(mate) = self.mates.remove(peer) else { return };
        if let (Some(download), false) = (&mut self.download, self.banned.contains(&peer)) {
            download.count_holder(&mate.have, false);
        }
    }

    fn message(&mut self, cx: &mut Cx<'_, H>, from: Peer, msg: &Msg<H>) {
        match (msg.kind, &msg.payload) {
            (Kind::UpdateHave | Kind::UpdateGot, Payload::Note(note)) => {
                if let Note::Have(map) = cx.note(note).clone() {
                    self.hear(cx, from, msg, map);
                }
            }
            (Kind::UpdateManifest, Payload::Item(item)) => self.consider(cx, item.clone()),
            // A stranger's nonsense.
            _ => {}
        }
    }
}

impl<H: Host> Machine<H> for Distribution<H> {
    fn step(&mut self, cx: &mut Cx<'_, H>, input: Input<H>) {
        match input {
            Input::Start { kept } => self.start(cx, &kept),
            Input::Stop => {}
            Input::Command { command: Command::Release { version }, .. } => self.release(cx, version),
            Input::Command { command, .. } => unreachable!("an update is not told to {command:?}"),
            Input::PeerUp { peer, link } => self.meet(cx, peer, link),
            Input::PeerDown { peer, .. } => self.part(peer),
            Input::Message { from, msg, .. } => self.message(cx, from, &msg),
            Input::Published { item, .. } => self.consider(cx, item),
            Input::Asked { ask, what } => self.asked(cx, ask, what),
            Input::Fetched { req, result } => self.fetched(cx, req, result),
            Input::Found { query, .. } => unreachable!("an update looks nothing up, and not {query:?}"),
            Input::Timer(ANNOUNCE) => self.announce(cx),
            Input::Timer(BEGIN) => self.begin(cx),
            Input::Timer(LOOK) => self.look(cx),
            Input::Timer(FALLBACK) => self.fall_back(cx),
            Input::Timer(key) => unreachable!("an update sets no timer {key:?}"),
        }
    }

    /// Equal for peers that have the same chunks of the same version.
    fn digest(&self) -> u64 {
        let have = self.have();
        have.chunks().fold(u64::from(have.version), |hash, chunk| mix(hash, u64::from(chunk), 0))
    }
}

#[cfg(test)]
mod tests;
