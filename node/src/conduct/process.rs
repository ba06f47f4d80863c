//! A process: some of a run's peers, by a conductor's word.

use std::{
    io,
    net::IpAddr,
    ops::Range,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use futures::{AsyncRead, AsyncReadExt as _, AsyncWrite, StreamExt as _, channel::mpsc::UnboundedReceiver};
use libp2p::{
    Multiaddr, PeerId, Stream,
    multiaddr::Protocol,
    noise,
    swarm::{
        DialError, SwarmEvent,
        dial_opts::{DialOpts, PeerCondition},
    },
};
use libp2p_stream::Control;
use peerlab_scenarios::{
    host::Peer,
    plan::{Plan, identity},
    seed::Seed,
    spec::read,
};
use tokio::sync::mpsc;

use super::{
    challenge::{self, Nonce},
    codec::{self, CodecError},
    log::Packer,
    message::{FAREWELL, Header, PATIENCE, PROTOCOL, RELEASE, ToConductor, ToProcess, address_book, reason},
    network::{self, Streams},
    pieces,
    resolve::resolve,
};
use crate::{
    fleet::{Baton, Comes, Cores, Harvest, Launched, Lead, Options, Part, Phase, launch, live},
    host::{Addresses, Moved},
    signals::Signals,
};

/// The pauses between attempts to find the conductor: the first, and the longest.
const PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// How often what has happened is sent.
const OFTEN: Duration = Duration::from_millis(200);

/// Messages that may wait to be sent, or to be heeded. Whoever has more to say waits, and that shows as lateness.
const WAITING: usize = 64;

/// A part of a run's peers, and whose word they wait for.
#[derive(Clone, Debug)]
pub struct Process {
    /// Where the conductor is; its name may be behind, and otherwise follows from the seed.
    pub conductor: Multiaddr,
    /// The seed of the run, from which keys follow.
    pub seed: Seed,
    /// The peers.
    pub peers: Range<u32>,
    /// The address of this machine at which others find them.
    pub address: IpAddr,
    /// How long the conductor is looked for.
    pub patience: Duration,
}

/// How far a process has come.
#[derive(Clone, Copy, Debug)]
pub enum Progress {
    /// The conductor has let it in.
    Joined,
    /// Its first peers listen.
    Listens,
    /// This far its peers have come.
    Phase(Phase),
}

/// Why a process could not do what it was there for.
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    /// The conductor is not there.
    #[error("the conductor was not found within {} s: {why}", patience.as_secs())]
    NotFound {
        /// For how long it was looked for.
        patience: Duration,
        /// What the last attempt came to.
        why: String,
    },
    /// Somebody else is where the conductor should be.
    #[error("{found} is at {at}, and not the conductor, which is {wanted}")]
    Stranger {
        /// Who.
        found: Box<PeerId>,
        /// Where.
        at: Multiaddr,
        /// Who should be there.
        wanted: Box<PeerId>,
    },
    /// The conductor will not have it.
    #[error("the conductor refuses it: {0}")]
    Refused(String),
    /// What the conductor gave is no run of these peers.
    #[error("what the conductor gave cannot be run: {0}")]
    Unfit(String),
    /// The conductor is gone.
    #[error("the conductor is lost: {0}")]
    Lost(#[from] CodecError),
    /// The conductor says what makes no sense now.
    #[error("the conductor does not keep to the protocol")]
    OutOfTurn,
    /// A signal came.
    #[error("it was told to end by a signal")]
    Signalled,
    /// The system refuses.
    #[error("the system refuses: {0}")]
    System(#[from] io::Error),
    /// Noise would not have its key.
    #[error(transparent)]
    Noise(#[from] noise::Error),
}

impl ProcessError {
    /// Whether nothing was run, for what was asked for cannot be.
    #[must_use]
    pub const fn is_refusal(&self) -> bool {
        matches!(self, Self::Stranger { .. } | Self::Refused(_) | Self::Unfit(_) | Self::Noise(_))
    }
}

/// What is sent; when it is a pong, the clock is read as late as possible.
enum Say {
    Message(ToConductor),
    Pong { asked: u64, received: u64 },
}

/// This process's clock: ns since it began.
#[derive(Clone, Copy)]
struct Epoch(Instant);

impl Epoch {
    fn now(self) -> u64 {
        u64::try_from(self.0.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    fn instant(self, at: u64) -> Option<Instant> {
        self.0.checked_add(Duration::from_nanos(at))
    }
}

/// Opens a stream on which the conductor asks who this is; why it does not, otherwise. When many come at once, libp2p's streams
/// drop those that the conductor has not taken yet: whoever is not asked is to try again.
async fn open(mut control: Control, conductor: PeerId) -> Result<(Stream, Nonce), String> {
    let opened = control.open_stream(conductor, PROTOCOL).await;
    let mut stream = opened.map_err(|error| format!("it does not let this peer in: {error}"))?;
    match codec::read(&mut stream, PATIENCE).await {
        Ok(ToProcess::Challenge(nonce)) => Ok((stream, nonce)),
        Ok(_) => Err("it does not ask who this is".to_owned()),
        Err(error) => Err(format!("it does not ask who this is: {error}")),
    }
}

impl Process {
    /// Runs its peers on these threads until all is over and the conductor has what they have to tell, or until a signal comes. `on_progress` hears
    /// how far they have come.
    ///
    /// # Errors
    /// When that does not come to pass.
    pub async fn run(
        &self,
        cores: &Cores,
        signals: &mut Signals,
        on_progress: &mut dyn FnMut(Progress),
    ) -> Result<(), ProcessError> {
        let keys = identity::keypair(self.seed, Peer(self.peers.start));
        let mut swarm = network::of_process(&keys)?;
        let found = tokio::select! {
            found = self.find(&mut swarm) => found?,
            () = signals.came() => return Err(ProcessError::Signalled),
        };
        let talk = self.talk(cores, found, signals, on_progress);
        futures::pin_mut!(talk);
        loop {
            tokio::select! {
                done = &mut talk => return done,
                _ = swarm.select_next_some() => {}
            }
        }
    }

    /// The conductor's name and address.
    fn target(&self) -> (PeerId, Multiaddr) {
        let mut address = self.conductor.clone();
        match address.pop() {
            Some(Protocol::P2p(id)) => (id, address),
            _ => (identity::peer_id(self.seed, identity::CONDUCTOR), self.conductor.clone()),
        }
    }

    /// Opens a stream to the conductor, as soon as it is there and asks who this is.
    pub(super) async fn find(&self, swarm: &mut Streams) -> Result<(Stream, Nonce), ProcessError> {
        let (id, address) = self.target();
        let deadline = Instant::now() + self.patience;
        let mut pause = PAUSE;
        loop {
            let connected =
                if swarm.is_connected(&id) { Ok(()) } else { self.dial(swarm, id, &address).await? };
            let why = match connected {
                Ok(()) => {
                    let open = open(swarm.behaviour().streams.new_control(), id);
                    futures::pin_mut!(open);
                    loop {
                        tokio::select! {
                            opened = &mut open => match opened {
                                Ok(found) => return Ok(found),
                                Err(why) => break why,
                            },
                            _ = swarm.select_next_some() => {}
                        }
                    }
                }
                Err(why) => why,
            };
            if Instant::now() + pause > deadline {
                return Err(ProcessError::NotFound { patience: self.patience, why });
            }
            tokio::time::sleep(pause).await;
            pause = (2 * pause).min(LONGEST_PAUSE);
        }
    }

    /// Connects with the conductor; why it is not there, if it is not.
    async fn dial(
        &self,
        swarm: &mut Streams,
        id: PeerId,
        address: &Multiaddr,
    ) -> Result<Result<(), String>, ProcessError> {
        // Names are asked for each time: a service may have moved, or not be known yet.
        let addresses = match resolve(address).await {
            Ok(addresses) => addresses,
            Err(why) => return Ok(Err(why)),
        };
        // Streams dial as well when they find no connection, and know no address.
        let to = DialOpts::peer_id(id).addresses(addresses).condition(PeerCondition::Always).build();
        if let Err(error) = swarm.dial(to) {
            return Ok(Err(error.to_string()));
        }
        loop {
            match swarm.select_next_some().await {
                SwarmEvent::ConnectionEstablished { peer_id, .. } if peer_id == id => return Ok(Ok(())),
                SwarmEvent::OutgoingConnectionError {
                    error: DialError::WrongPeerId { obtained, .. },
                    ..
                } => {
                    let at = address.clone();
                    return Err(ProcessError::Stranger { found: obtained.into(), at, wanted: id.into() });
                }
                SwarmEvent::OutgoingConnectionError { error, .. } => {
                    return Ok(Err(reason(&error.to_string())));
                }
                _ => {}
            }
        }
    }

    async fn talk(
        &self,
        cores: &Cores,
        (mut stream, nonce): (Stream, Nonce),
        signals: &mut Signals,
        on_progress: &mut dyn FnMut(Progress),
    ) -> Result<(), ProcessError> {
        let header = self.join(&mut stream, &nonce).await?;
        on_progress(Progress::Joined);
        let epoch = Epoch(Instant::now());
        let (mut reader, mut writer) = stream.split();
        let (say, said) = mpsc::channel(WAITING);
        let (heed, heard) = mpsc::channel(WAITING);
        let mut writes = pin!(write_all(&mut writer, said, epoch));
        let done = tokio::select! {
            done = self.play(cores, &header, Talk { say: say.clone(), heard, epoch }, on_progress) => done,
            Err(error) = read_all(&mut reader, heed, say.clone(), epoch) => Err(error.into()),
            Err(error) = &mut writes => Err(error.into()),
            () = signals.came() => Err(ProcessError::Signalled),
        };
        if let Err(error @ (ProcessError::Unfit(_) | ProcessError::Signalled | ProcessError::OutOfTurn)) =
            &done
        {
            // The conductor is told why, if it listens. When it has heard, it ends the stream.
            let failed = Say::Message(ToConductor::Failed(error.to_string()));
            let farewell = async {
                let _ = say.send(failed).await;
                let _ = writes.await;
                let mut rest = [0; 1024];
                while reader.read(&mut rest).await.is_ok_and(|read| read > 0) {}
            };
            let _ = tokio::time::timeout(FAREWELL, farewell).await;
        }
        done
    }

    /// Says who it is, and proves it. Gives what the conductor hands out.
    async fn join<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        stream: &mut S,
        nonce: &Nonce,
    ) -> Result<Header, ProcessError> {
        let join = ToConductor::Join {
            release: RELEASE.to_owned(),
            first: self.peers.start,
            count: self.peers.end - self.peers.start,
            process: std::process::id(),
            proofs: challenge::prove(nonce, self.peers.clone(), |peer| identity::keypair(self.seed, peer)),
        };
        codec::write(stream, &join, PATIENCE).await?;
        match codec::read(stream, PATIENCE).await? {
            ToProcess::Inputs(header) => Ok(header),
            ToProcess::Refused(why) => Err(ProcessError::Refused(reason(&why))),
            _ => Err(ProcessError::OutOfTurn),
        }
    }

    /// Makes the plan, and runs its part of it.
    async fn play(
        &self,
        cores: &Cores,
        header: &Header,
        mut talk: Talk,
        on_progress: &mut dyn FnMut(Progress),
    ) -> Result<(), ProcessError> {
        let bytes = talk.inputs(header).await?;
        let given = header.clone();
        // Others are answered meanwhile.
        let planned = tokio::task::spawn_blocking(move || plan(&given, bytes)).await;
        let plan =
            planned.map_err(|error| ProcessError::Unfit(error.to_string()))?.map_err(ProcessError::Unfit)?;
        if plan.seed != self.seed {
            return Err(ProcessError::Unfit(format!("it is of seed {}", plan.seed.0)));
        }
        let here = self.peers.clone().map(Peer).collect();
        let options =
            Options { transport: header.transport, bare_links: header.bare_links, address: self.address };
        let ground = live::ground(&plan, &here, options, cores);
        let ground = ground.map_err(|error| ProcessError::Unfit(error.to_string()))?;
        let (addresses, moves) = Addresses::watched(plan.peers.len());
        let baton = Arc::new(Baton::default());
        let halt = Arc::new(AtomicBool::new(false));
        let lead = Lead::Conductor(Arc::clone(&baton));
        let part = Part { here, addresses: addresses.clone(), lead, halt: Arc::clone(&halt) };
        let launched = launch(&plan, ground, part);
        let harvest = talk.tell(launched, moves, &Orders { addresses, baton, halt }, on_progress).await?;
        for piece in pieces::divide(&harvest, self.peers.clone()) {
            talk.say(ToConductor::Piece(piece.pack())).await?;
        }
        talk.say(ToConductor::Done).await?;
        loop {
            match talk.heard.recv().await {
                Some(ToProcess::Thanks) => return Ok(()),
                Some(_) => {}
                None => return Err(ProcessError::OutOfTurn),
            }
        }
    }
}

/// Makes a plan of what was handed out.
fn plan(header: &Header, bytes: Vec<u8>) -> Result<Arc<Plan>, String> {
    let (scenario, files) = header.divide(bytes).ok_or("a file of the scenario is no text")?;
    let document = read::document(&header.name, &scenario).map_err(|problems| problems.to_string())?;
    let plan = Plan::new(&document.value, Seed(header.seed), &files);
    let plan = plan.map_err(|errors| {
        errors.iter().map(|error| format!("{}: {}", error.path, error.why)).collect::<Vec<_>>().join("; ")
    })?;
    // As in every run of real peers: chunks are real, and so is what proves them.
    Ok(Arc::new(plan.with_real_bodies()))
}

/// What obeys the conductor's orders.
struct Orders {
    addresses: Addresses,
    baton: Arc<Baton>,
    halt: Arc<AtomicBool>,
}

impl Orders {
    fn obey(&self, message: ToProcess, epoch: Epoch) -> Result<(), ProcessError> {
        match message {
            ToProcess::Addresses(moves) => {
                for it in moves {
                    self.addresses.learn(it.read().ok_or(ProcessError::OutOfTurn)?);
                }
            }
            ToProcess::Connect => self.baton.connect(),
            ToProcess::Begin(at) => self.baton.begin(epoch.instant(at).ok_or(ProcessError::OutOfTurn)?),
            ToProcess::Halt => self.halt.store(true, Ordering::Relaxed),
            ToProcess::Leave => self.baton.leave(),
            ToProcess::Challenge(_)
            | ToProcess::Refused(_)
            | ToProcess::Inputs(_)
            | ToProcess::Bytes(_)
            | ToProcess::Ping(_)
            | ToProcess::Thanks => return Err(ProcessError::OutOfTurn),
        }
        Ok(())
    }
}

/// The two ways of talking with the conductor.
struct Talk {
    say: mpsc::Sender<Say>,
    heard: mpsc::Receiver<ToProcess>,
    epoch: Epoch,
}

impl Talk {
    async fn say(&self, message: ToConductor) -> Result<(), ProcessError> {
        self.say.send(Say::Message(message)).await.map_err(|_| ProcessError::OutOfTurn)
    }

    /// All that the plan is made from.
    async fn inputs(&mut self, header: &Header) -> Result<Vec<u8>, ProcessError> {
        let total = header.total().ok_or_else(|| ProcessError::Unfit("it is too long".to_owned()))?;
        let mut bytes = Vec::new();
        while (bytes.len() as u64) < total {
            let Some(ToProcess::Bytes(some)) = self.heard.recv().await else {
                return Err(ProcessError::OutOfTurn);
            };
            if some.is_empty() || bytes.len() as u64 + some.len() as u64 > total {
                return Err(ProcessError::OutOfTurn);
            }
            bytes.extend(some);
        }
        Ok(bytes)
    }

    /// Tells what happens until all is over, and does what it is told. Gives what is left behind.
    async fn tell(
        &mut self,
        mut launched: Launched,
        mut moves: UnboundedReceiver<Moved>,
        orders: &Orders,
        on_progress: &mut dyn FnMut(Progress),
    ) -> Result<Harvest, ProcessError> {
        let mut packer = Packer::default();
        let mut often = tokio::time::interval(OFTEN);
        let mut harvest = None;
        loop {
            tokio::select! {
                come = launched.comes.next() => match come {
                    Some(Comes::Told(told)) => {
                        for entry in &told.entries {
                            if let Some(packed) = packer.add(told.peer, entry) {
                                self.say(ToConductor::Log(packed)).await?;
                            }
                        }
                    }
                    Some(Comes::Phase(phase)) => {
                        on_progress(Progress::Phase(phase));
                        self.say(ToConductor::Phase(phase)).await?;
                    }
                    Some(Comes::Ready) => {
                        let mut here = Vec::new();
                        while let Ok(moved) = moves.try_recv() {
                            here.push(moved);
                        }
                        self.tell_of(&here).await?;
                        on_progress(Progress::Listens);
                        self.say(ToConductor::Ready).await?;
                    }
                    // The conductor knows by itself when the warm-up is over.
                    Some(Comes::Measure(_)) => {}
                    Some(Comes::Done(done)) => harvest = Some(*done),
                    None => break,
                },
                Some(moved) = moves.next() => self.tell_of(&[moved]).await?,
                heard = self.heard.recv() => {
                    orders.obey(heard.ok_or(ProcessError::OutOfTurn)?, self.epoch)?;
                }
                _ = often.tick() => {
                    if let Some(packed) = packer.take() {
                        self.say(ToConductor::Log(packed)).await?;
                    }
                }
            }
        }
        launched.end().await;
        if let Some(packed) = packer.take() {
            self.say(ToConductor::Log(packed)).await?;
        }
        Ok(harvest.expect("a director that ends in good order leaves its harvest"))
    }

    async fn tell_of(&self, moves: &[Moved]) -> Result<(), ProcessError> {
        for some in address_book(moves) {
            self.say(ToConductor::Addresses(some)).await?;
        }
        Ok(())
    }
}

/// Reads what the conductor says: pings are answered, and all else is to be heeded.
async fn read_all(
    stream: &mut (impl AsyncRead + Unpin),
    heed: mpsc::Sender<ToProcess>,
    say: mpsc::Sender<Say>,
    epoch: Epoch,
) -> Result<(), CodecError> {
    loop {
        let message = codec::read(stream, PATIENCE).await?;
        let is_last = matches!(message, ToProcess::Thanks);
        // Nobody is there any more only when all is over.
        match message {
            ToProcess::Ping(asked) => drop(say.send(Say::Pong { asked, received: epoch.now() }).await),
            other => drop(heed.send(other).await),
        }
        if is_last {
            return Ok(());
        }
    }
}

/// Writes what is to be said, up to a word of failure.
async fn write_all(
    stream: &mut (impl AsyncWrite + Unpin),
    mut said: mpsc::Receiver<Say>,
    epoch: Epoch,
) -> Result<(), CodecError> {
    while let Some(say) = said.recv().await {
        let message = match say {
            Say::Message(message) => message,
            Say::Pong { asked, received } => ToConductor::Pong { asked, received, answered: epoch.now() },
        };
        codec::write(stream, &message, PATIENCE).await?;
        if matches!(message, ToConductor::Failed(_)) {
            break;
        }
    }
    Ok(())
}
