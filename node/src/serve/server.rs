//! Connections over which it is told, and their limits.

use std::{
    convert::Infallible,
    io,
    net::{SocketAddr, TcpListener},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use hyper::{server::conn::http1, service::service_fn};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
};
use tokio::{
    sync::{Notify, Semaphore, oneshot, watch},
    time::timeout,
};

use super::{pulse::Beat, routes::Sources, status::Status};

/// The longest that the head of a request may be, bytes, and the most fields that it may have.
pub(super) const HEAD: usize = 16 << 10;
const FIELDS: usize = 64;

/// What connections may do.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// So many at a time: whoever comes when as many are there is hung up on.
    pub(super) connections: usize,
    /// How long the head of a request may take, which is also how long a connection may lie idle.
    pub(super) head_within: Duration,
    /// How long a connection may live: a reader that is slower than that loses it.
    pub(super) life: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { connections: 64, head_within: Duration::from_secs(10), life: Duration::from_secs(300) }
    }
}

/// How long answers that have begun may take when the program ends.
const FAREWELL: Duration = Duration::from_secs(2);

/// After the system has refused a connection, for want of files perhaps.
const PAUSE: Duration = Duration::from_millis(100);

/// Why nothing can be told.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The address cannot be listened at.
    #[error("nothing can be served at {address}: {error}")]
    Listen {
        /// Which.
        address: SocketAddr,
        /// Why.
        error: io::Error,
    },
    /// The system refuses a thread.
    #[error("the system refuses: {0}")]
    System(#[from] io::Error),
}

/// What tells of a run, until it is dropped.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    collected: Arc<Notify>,
    stopped: Arc<AtomicBool>,
    /// Dropped when it shall end.
    lives: Option<oneshot::Sender<()>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Server {
    /// Tells from now on of a run, or of the peers of one process.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn start(
        address: SocketAddr,
        status: watch::Receiver<Status>,
        beats: watch::Receiver<Beat>,
        is_process: bool,
    ) -> Result<Self, ServeError> {
        Self::within(Limits::default(), address, status, beats, is_process)
    }

    /// The same with certain limits.
    pub(super) fn within(
        limits: Limits,
        address: SocketAddr,
        status: watch::Receiver<Status>,
        beats: watch::Receiver<Beat>,
        is_process: bool,
    ) -> Result<Self, ServeError> {
        let listen = || {
            let listener = TcpListener::bind(address)?;
            listener.set_nonblocking(true)?;
            io::Result::Ok((listener.local_addr()?, listener))
        };
        let (address, listener) = listen().map_err(|error| ServeError::Listen { address, error })?;
        let (collected, stopped) = (Arc::new(Notify::new()), Arc::new(AtomicBool::new(false)));
        let sources = Sources {
            status,
            beats,
            collected: Arc::clone(&collected),
            stopped: Arc::clone(&stopped),
            is_process,
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (lives, ends) = oneshot::channel();
        let work = move || runtime.block_on(serve(listener, sources, limits, ends));
        let thread = thread::Builder::new().name("serve".to_owned()).spawn(work)?;
        Ok(Self { address, collected, stopped, lives: Some(lives), thread: Some(thread) })
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Whether somebody has said that the run is to end where it is.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }

    /// Waits until somebody says that the files of the run are not needed any more.
    pub async fn collected(&self) {
        self.collected.notified().await;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.lives.take());
        // What has gone wrong there is not for whoever is about to end.
        let _ = self.thread.take().map(thread::JoinHandle::join);
    }
}

async fn serve(listener: TcpListener, sources: Sources, limits: Limits, mut ends: oneshot::Receiver<()>) {
    let Ok(listener) = tokio::net::TcpListener::from_std(listener) else { return };
    let places = Arc::new(Semaphore::new(limits.connections));
    let graceful = GracefulShutdown::new();
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .max_buf_size(HEAD)
        .max_headers(FIELDS)
        .header_read_timeout(limits.head_within)
        .half_close(false);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = &mut ends => break,
        };
        let Ok((stream, _)) = accepted else {
            tokio::time::sleep(PAUSE).await;
            continue;
        };
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else { continue };
        let sources = sources.clone();
        let answer = service_fn(move |request| {
            let sources = sources.clone();
            async move { Ok::<_, Infallible>(sources.answer(&request).await) }
        });
        let connection = graceful.watch(http.serve_connection(TokioIo::new(stream), answer));
        tokio::spawn(async move {
            // However it ends, it has ended: nobody else is concerned.
            let _ = timeout(limits.life, connection).await;
            drop(place);
        });
    }
    let _ = timeout(FAREWELL, graceful.shutdown()).await;
}
