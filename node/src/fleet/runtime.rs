//! The threads that serve a fleet: one a processor, each with a runtime of its own, and peers dealt out among them.
//!
//! All of a peer stays on one thread: its swarm, its connections, the links below them. Then who is woken is mostly on the thread that
//! wakes, or hears of it through a socket. With one runtime of several threads a quarter of their time went into waking one another to
//! look for work (`docs/performance.md`).

use std::{
    convert::Infallible,
    future::Future,
    io,
    num::NonZero,
    sync::Arc,
    thread::{self, JoinHandle},
};

use peerlab_scenarios::host::Peer;
use tokio::{runtime::Handle, sync::oneshot};

#[cfg(target_os = "linux")]
use crate::timer::Keeper;

/// What a fleet and those around it run on.
#[derive(Debug)]
pub struct Runtime {
    /// For whatever is not of a peer.
    main: tokio::runtime::Runtime,
    cores: Cores,
    threads: Threads,
}

/// The threads that peers are dealt out among.
#[derive(Clone, Debug)]
pub struct Cores(Arc<[Handle]>);

/// Ends the threads when it goes.
#[derive(Debug)]
struct Threads(Vec<(oneshot::Sender<Infallible>, JoinHandle<()>)>);

/// How many threads serve a fleet: one a processor.
#[must_use]
pub fn threads() -> usize {
    thread::available_parallelism().map_or(2, NonZero::get)
}

impl Runtime {
    /// Starts the threads.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn start() -> io::Result<Self> {
        let main = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let (mut handles, mut running) = (Vec::new(), Threads(Vec::new()));
        for number in 0..threads() {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            handles.push(runtime.handle().clone());
            let (stop, stopped) = oneshot::channel();
            let work = move || runtime.block_on(serve(stopped));
            let thread = thread::Builder::new().name(format!("peers-{number}")).spawn(work)?;
            running.0.push((stop, thread));
        }
        Ok(Self { main, cores: Cores(handles.into()), threads: running })
    }

    /// Runs a future, on this thread, to its end.
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.main.block_on(future)
    }

    /// What runs the tasks of peers.
    #[must_use]
    pub const fn cores(&self) -> &Cores {
        &self.cores
    }

    /// Ends without waiting for what cannot be interrupted.
    pub fn shutdown_background(mut self) {
        // A thread that nobody joins ends by itself.
        self.threads.0.clear();
        self.main.shutdown_background();
    }
}

/// What a thread of peers does until the other end of `stopped` goes.
async fn serve(stopped: oneshot::Receiver<Infallible>) {
    #[cfg(target_os = "linux")]
    if let Ok(keeper) = Keeper::new() {
        tokio::select! {
            _ = stopped => return,
            Err(error) = keeper.ring() => panic!("this thread's timers do not ring any more: {error}"),
        }
    }
    let _: Result<Infallible, _> = stopped.await;
}

impl Cores {
    /// The thread of a peer.
    #[must_use]
    pub fn of(&self, peer: Peer) -> &Handle {
        &self.0[peer.index() % self.0.len()]
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        for (stop, thread) in self.0.drain(..) {
            drop(stop);
            // One that has panicked has ended, too.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn a_peer_keeps_its_thread_and_what_it_spawns_stays_there() {
        let runtime = Runtime::start().expect("threads start");
        let (tell, told) = mpsc::channel();
        for peer in [0, 1, 0, 1] {
            let tell = tell.clone();
            runtime.cores().of(Peer(peer)).spawn(async move {
                let outer = thread::current().id();
                tokio::spawn(async move { tell.send((peer, outer, thread::current().id())) });
            });
        }
        let mut seen: Vec<_> = told.iter().take(4).collect();
        assert!(seen.iter().all(|(_, outer, inner)| outer == inner), "{seen:?}");
        seen.sort_by_key(|(peer, ..)| *peer);
        assert!(seen[0] == seen[1] && seen[2] == seen[3], "{seen:?}");
        assert_eq!(seen[0].1 == seen[2].1, threads() == 1, "{seen:?}");
    }

    #[test]
    fn nothing_runs_on_when_it_goes() {
        let runtime = Runtime::start().expect("threads start");
        let (alive, is_gone) = mpsc::channel::<Infallible>();
        let waits = async move {
            let _alive = alive;
            std::future::pending::<()>().await;
        };
        runtime.cores().of(Peer(0)).spawn(waits);
        drop(runtime);
        assert_eq!(is_gone.try_recv(), Err(mpsc::TryRecvError::Disconnected));
    }
}
