//! Which chunks are asked of whom, and what becomes of what comes.

use super::{
    Distribution, NAMES,
    download::{Choice, Request},
};
use crate::{
    host::{Ask, Cx, Host, Peer, ReqId, Why},
    report::{ChunkFate, Fact},
    seed::mix,
    wire::{
        ItemId,
        update::{HaveMap, chunk_id, chunk_of},
    },
};

impl<H: Host> Distribution<H> {
    /// Gives a fetch up, and says from whom it was.
    pub(super) fn give_up(&mut self, cx: &mut Cx<'_, H>, req: ReqId) -> Option<Peer> {
        let request = self.download.as_mut()?.forget(req)?;
        cx.abort(req);
        self.ended(request.from);
        Some(request.from)
    }

    /// A publisher that would not serve a chunk may do so now: it has them all.
    pub(super) fn hope_again(&mut self) {
        let Some(download) = &mut self.download else { return };
        for mate in self.mates.iter_mut().filter(|mate| mate.publishes) {
            let new = mate.have.add(download.everything());
            download.count_holder(&new, true);
        }
    }

    pub(super) fn ended(&mut self, from: Peer) {
        if let Some(mate) = self.mates.get_mut(from) {
            mate.fetching = mate.fetching.saturating_sub(1);
        }
    }

    /// It takes too long: the publisher may be asked for anything.
    pub(super) fn fall_back(&mut self, cx: &mut Cx<'_, H>) {
        if !self.is_running(cx.now) {
            return;
        }
        if let Some(download) = &mut self.download {
            download.is_late = true;
        }
        self.hope_again();
        let source = self.plan.source_for(cx.me);
        if self.mates.get(source).is_none() {
            cx.dial(source);
        }
        self.fill(cx);
    }

    /// Fetches as much as may be fetched at a time, from those nearby first.
    pub(super) fn fill(&mut self, cx: &mut Cx<'_, H>) {
        let Some(download) = &self.download else { return };
        let most = self.plan.spec().fetch.parallel.size();
        if !download.is_running(cx.now) || download.requests.len() >= most {
            return;
        }
        let (salt, is_late) = (u64::from(cx.me.0), download.is_late);
        let mut order: Vec<_> = self.mates.iter().filter(|mate| !mate.is_out).collect();
        order.sort_by_cached_key(|mate| (mate.rank(), mate.fetching, mix(salt, u64::from(mate.peer.0), 0)));
        let order: Vec<_> = order.into_iter().map(|mate| (mate.rank(), mate.peer)).collect();
        for nearby in order.chunk_by(|a, b| a.0 == b.0) {
            // One each in turn, so that none of those alike is asked for all.
            let turn = |this: &mut Self, cx: &mut Cx<'_, H>| {
                let asked = nearby.iter().filter(|((publishes, ..), peer)| {
                    let choice = if *publishes && !is_late { Choice::Scarce } else { Choice::Wanted };
                    this.ask(cx, *peer, choice)
                });
                asked.count() > 0
            };
            while turn(self, cx) {}
        }
        if self.download.as_ref().is_some_and(|download| download.is_ending()) {
            for (_, peer) in order {
                self.ask(cx, peer, Choice::Again);
            }
        }
    }

    /// Asks a mate for a chunk, if it has one to choose. False when it is asked for nothing.
    fn ask(&mut self, cx: &mut Cx<'_, H>, peer: Peer, choice: Choice) -> bool {
        let fetch = &self.plan.spec().fetch;
        let (Some(download), Some(mate)) = (&mut self.download, self.mates.get_mut(peer)) else {
            return false;
        };
        if download.requests.len() >= fetch.parallel.size() || mate.fetching >= fetch.per_holder.get() {
            return false;
        }
        let Some(index) = download.choose(cx.me, mate, choice) else { return false };
        let req = ReqId(self.next_req);
        self.next_req = (self.next_req + 1) & NAMES;
        mate.fetching += 1;
        download.ask(req, Request { from: peer, index, since: cx.now });
        cx.fetch(req, peer, chunk_id(self.plan.workload(), self.plan.publisher(), download.version(), index));
        true
    }

    pub(super) fn asked(&mut self, cx: &mut Cx<'_, H>, ask: Ask, what: ItemId) {
        let (publishes, patience, pause) =
            (self.plan.publishes(cx.me), self.plan.spec().fallback, self.pause());
        let download = self.download.as_deref_mut().filter(|_| what.author() == self.plan.publisher());
        let wanted = chunk_of(what).zip(download).filter(|((version, _), it)| it.version() == *version);
        let chunk = wanted.and_then(|((_, index), download)| {
            let chunk = download.chunk(index).cloned()?;
            let all_are_early = cx.now < download.released.saturating_add(patience);
            (!publishes || !all_are_early || download.serve_again(index, cx.now, pause)).then_some(chunk)
        });
        match chunk {
            Some(chunk) => cx.serve(ask, chunk),
            None => cx.refuse(ask),
        }
    }

    pub(super) fn fetched(&mut self, cx: &mut Cx<'_, H>, req: ReqId, result: Result<H::Item, Why>) {
        let Some(download) = &mut self.download else { return };
        let Some(request) = download.forget(req) else { return };
        self.ended(request.from);
        match result {
            Ok(item) => self.receive(cx, request, item),
            Err(Why::Refused) => self.lacks(request),
            Err(_) => {
                if let Some(mate) = self.mates.get_mut(request.from) {
                    mate.is_out = true;
                }
            }
        }
        self.fill(cx);
    }

    /// A mate has not got what it was taken to have.
    fn lacks(&mut self, Request { from, index, .. }: Request) {
        let (Some(download), Some(mate)) = (&mut self.download, self.mates.get_mut(from)) else { return };
        let one = HaveMap::of(download.version(), [index]);
        if let Some(word) = mate.have.words.get_mut(index as usize / 64)
            && *word >> (index % 64) & 1 == 1
        {
            *word &= !(1 << (index % 64));
            download.count_holder(&one, false);
        }
    }

    /// Takes in a chunk, and keeps it if it is what was asked for.
    fn receive(&mut self, cx: &mut Cx<'_, H>, request: Request, item: H::Item) {
        let Some(download) = &mut self.download else { return };
        let bytes = cx.item(&item).encoded_len();
        let fate = match download.manifest.accepts(cx.item(&item)) {
            Some(which @ (index, _)) if index == request.index => {
                if download.keep(which, item.clone()) {
                    ChunkFate::Kept
                } else {
                    ChunkFate::Again
                }
            }
            _ => ChunkFate::Refused,
        };
        cx.record(Fact::ChunkCame { workload: self.plan.workload(), from: request.from, bytes, fate });
        match fate {
            ChunkFate::Refused => self.ban(cx, request.from),
            ChunkFate::Again => {}
            ChunkFate::Kept => {
                if let Some(mate) = self.mates.get_mut(request.from) {
                    mate.is_slow = false;
                }
                self.kept(cx, request.index, item);
            }
        }
    }

    /// A mate sent something falsified: it is not asked again.
    fn ban(&mut self, cx: &mut Cx<'_, H>, peer: Peer) {
        self.banned.insert(peer);
        let (Some(download), Some(mate)) = (&mut self.download, self.mates.get_mut(peer)) else { return };
        if !mate.is_out {
            mate.is_out = true;
            download.count_holder(&mate.have, false);
        }
        for req in download.requests_that(|request| request.from == peer) {
            self.give_up(cx, req);
        }
    }
}
