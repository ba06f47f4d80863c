//! A chat among people at terminals: the role of the scenarios at work, without a testbed.
//!
//! Its machines are those that the engines run: [`Chat`] over Plumtree, on the same host as a fleet's. What is different is who is
//! in it: nobody plans the members of an open room ([`ChatPlan::open`]), they find one another by address or by mDNS and introduce
//! themselves (`host::card`).
//!
//! Times are those of the machines' clocks, from [`EPOCH`] on. Clocks may differ by less than [`GONE_AFTER`]: a sign of life that
//! seems older counts for nothing.

mod conversation;
mod store;
mod terminal;

use std::{
    path::PathBuf,
    sync::Arc,
    time::{Duration, SystemTime},
};

use futures::{
    FutureExt as _, SinkExt as _, StreamExt as _,
    channel::{mpsc, oneshot},
    select,
};
use libp2p::{Multiaddr, core::transport::Transport as _, core::upgrade::Version, noise, tcp, yamux};
use peerlab_scenarios::{
    host::{Behaviour, Command, Peer, RoleSlot},
    plan::chat::ChatPlan,
    role::{self, chat::Chat},
    seed::Seed,
    spec::{
        self,
        chat::Presence,
        overlay::{Membership, Plumtree},
    },
    units::Nanos,
    wire::Blob,
};

pub use self::store::StoreError;
use self::{
    conversation::Conversation,
    store::Store,
    terminal::{Said, Terminal},
};
use crate::{
    host::{
        self, Addresses, Clock, Company, Gauges, Life, NodeError, Order, Roster, Setting, Wire,
        card::{Card, CardError},
    },
    signals::Signals,
};

/// The start of 2025, UTC, in s since 1970: times count from there.
pub const EPOCH: u64 = 1_735_689_600;

/// How often members say that they are there.
const BEAT_EVERY: Nanos = Nanos::from_secs(5);

/// After how much silence they count as away.
pub const GONE_AFTER: Nanos = Nanos::from_secs(20);

/// How often members compare what they hold.
const SYNC_EVERY: Nanos = Nanos::from_secs(5);

/// After how much silence a connection counts as broken.
const TIMEOUT: Nanos = Nanos::from_secs(15);

/// The longest that can be said at once, in bytes.
pub const MAX_TEXT: usize = 8 << 10;

/// How long the handshake of a connection may take.
const HANDSHAKE: Duration = Duration::from_secs(20);

/// A room has one workload, and that one room.
const ROOM: u32 = 0;
const WORKLOAD: u8 = 0;

/// How to take part.
#[derive(Clone, Debug)]
pub struct Options {
    /// The name to go by.
    pub name: String,
    /// The room's name.
    pub room: String,
    /// Where to listen.
    pub listen: Multiaddr,
    /// Members to begin with.
    pub join: Vec<Multiaddr>,
    /// Whether to look for others on the local network.
    pub mdns: bool,
    /// Where key and history are kept, if they are.
    pub data: Option<PathBuf>,
}

/// Why a chat could not be.
#[derive(Debug, thiserror::Error)]
pub enum ChatError {
    /// A name cannot be one.
    #[error(transparent)]
    Name(#[from] CardError),
    /// Key or history cannot be kept.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The peer could not live.
    #[error(transparent)]
    Node(#[from] NodeError),
    /// The runtime, the terminal or the network refused.
    #[error(transparent)]
    System(#[from] std::io::Error),
    /// Noise would not have the key.
    #[error(transparent)]
    Noise(#[from] noise::Error),
    /// The task of the peer died.
    #[error("the peer's task died")]
    Died,
}

/// What a clock of the machine shows now.
fn now() -> Nanos {
    let since = SystemTime::UNIX_EPOCH + Duration::from_secs(EPOCH);
    let now = SystemTime::now().duration_since(since).unwrap_or_default();
    Nanos(u64::try_from(now.as_nanos()).unwrap_or(u64::MAX))
}

/// Takes part until the user leaves.
///
/// # Errors
/// When a name, the store or the system refuses.
pub fn run(options: &Options) -> Result<(), ChatError> {
    let (mut store, keys) = Store::open(options.data.as_deref(), &options.room)?;
    let made = EPOCH * 1_000 + now().0 / 1_000_000;
    let card = Card::new(&options.room, &keys, &options.name, made)?;
    let (roster, me) = Roster::open(&options.room, &keys, card)?;
    let kept = store.recall(&roster)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    // Sockets belong to the runtime in which they are made.
    let inside = runtime.enter();
    let tcp = tcp::tokio::Transport::new(tcp::Config::default().nodelay(true));
    let transport = tcp
        .upgrade(Version::V1Lazy)
        .authenticate(noise::Config::new(&keys)?)
        .multiplex(yamux::Config::default())
        .timeout(HANDSHAKE)
        .boxed();
    let wire = Wire { transport, listen: options.listen.clone(), meter: Box::new(|| (0, 0)) };
    let presence = Presence { every: BEAT_EVERY, timeout: GONE_AFTER };
    let chat = Chat::new(Arc::new(ChatPlan::open(presence, SYNC_EVERY)));
    let overlay = Plumtree { membership: Membership::Plan {}, ..Plumtree::default() };
    let (mut orders, receiver) = mpsc::channel(64);
    let (tell, told) = mpsc::channel(64);
    let gauges = Arc::new(Gauges::default());
    let life = Life {
        me,
        number: 0,
        setting: Setting {
            // Chance shall differ from member to member.
            seed: Seed(now().0),
            overlay: spec::Overlay::Plumtree(overlay),
            hub: Peer::default(),
            neighbours: Vec::new(),
            behaviour: Behaviour::Honest,
            timeout: TIMEOUT,
            warm_up: Nanos::ZERO,
            end: Nanos::NEVER,
            finding: None,
        },
        roles: vec![RoleSlot::new(WORKLOAD, role::Any::Chat(chat))],
        roster: Arc::clone(&roster),
        addresses: Addresses::new(0),
        company: Company { contacts: options.join.clone(), mdns: options.mdns },
        wire,
        kept,
        may_restart: false,
        tells_kept: true,
        orders: receiver,
        tell,
        gauges: Arc::clone(&gauges),
        tape: None,
    };
    let (mut terminal, said) = Terminal::open()?;
    let mut conversation = Conversation::new(me, keys.public().to_peer_id(), options.clone());
    for (peer, card) in roster.cards() {
        conversation.meets(peer, card);
    }
    terminal.show(&conversation.welcome());
    terminal.show(&conversation.recalls(life.kept.values()));
    let clock = Clock::showing(now());
    orders.try_send(Order::Begin(clock)).expect("an order finds room in an empty channel");
    let handle = runtime.handle().clone();
    let (done, ended) = oneshot::channel();
    runtime.spawn(async move {
        let executor = move |task| {
            handle.spawn(task);
        };
        // Whoever wanted to know may have gone.
        let _ = done.send(host::run(life, executor).await);
    });
    drop(inside);
    let talk = Talk { orders, conversation, terminal, store: &mut store, gauges };
    let left = runtime.block_on(talk.go_on(told, said, ended));
    runtime.shutdown_background();
    left
}

/// Whether a line says that the user leaves.
fn is_farewell(line: &str) -> bool {
    line == "/quit"
}

/// A talk under way.
struct Talk<'a> {
    orders: mpsc::Sender<Order>,
    conversation: Conversation,
    terminal: Terminal,
    store: &'a mut Store,
    gauges: Arc<Gauges>,
}

impl Talk<'_> {
    async fn go_on(
        mut self,
        told: mpsc::Receiver<host::Told>,
        said: mpsc::UnboundedReceiver<Said>,
        ended: oneshot::Receiver<Result<host::Legacy, NodeError>>,
    ) -> Result<(), ChatError> {
        let (mut told, mut said, mut ended) = (told.fuse(), said.fuse(), ended.fuse());
        let mut signals = Signals::listen()?;
        let mut signal = Box::pin(async move { signals.came().await }).fuse();
        let mut is_leaving = false;
        let came = loop {
            select! {
                told = told.select_next_some() => self.take_in(told)?,
                line = said.select_next_some() => match line {
                    Said::Line(line) => is_leaving = self.obey(line.trim()).await,
                    Said::End => is_leaving = true,
                },
                () = signal => is_leaving = true,
                came = ended => break came,
            }
            if is_leaving {
                self.leave().await;
                is_leaving = false;
            }
        };
        // What was told before the end is still to be kept.
        while let Some(Some(rest)) = told.next().now_or_never() {
            self.take_in(rest)?;
        }
        came.map_err(|_| ChatError::Died)??;
        Ok(())
    }

    async fn leave(&mut self) {
        // A peer that has gone needs no order.
        let _ = self.orders.send(Order::Leave(spec::Leave::Graceful)).await;
        self.orders.close_channel();
    }

    fn take_in(&mut self, told: host::Told) -> Result<(), ChatError> {
        for entry in told.entries {
            self.store.keep(&entry)?;
            let is_linked = self.gauges.linked() > 0;
            let lines = self.conversation.take_in(now(), is_linked, entry);
            self.terminal.show(&lines);
        }
        Ok(())
    }

    /// Does what a line says. Tells whether it says to leave.
    async fn obey(&mut self, line: &str) -> bool {
        match line {
            "" => {}
            line if is_farewell(line) => return true,
            "/who" => self.terminal.show(&self.conversation.who(now())),
            line if line.starts_with('/') => {
                self.terminal.show(&["* commands are /who and /quit".to_owned()]);
            }
            line if line.len() > MAX_TEXT => {
                let told =
                    format!("* that was not said: it has {} bytes, and {MAX_TEXT} are possible", line.len());
                self.terminal.show(&[told]);
            }
            line => {
                let text = Box::new(Blob::Real(line.as_bytes().to_vec().into()));
                let command = Command::Say { room: ROOM, text };
                let order = Order::Command { workload: WORKLOAD, command };
                // A peer that has gone says nothing more, and that is told when its end is known.
                let _ = self.orders.send(order).await;
            }
        }
        false
    }
}
