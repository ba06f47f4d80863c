//! A world: one thread, one clock, one executor, and entropy from one seed.

use std::{
    cell::Cell,
    panic,
    rc::Rc,
    sync::{Arc, Mutex, PoisonError},
    thread,
};

use futures::{
    executor::{LocalPool, LocalSpawner},
    future::BoxFuture,
    task::{LocalSpawnExt as _, SpawnExt as _},
};
use peerlab_node::link::Spawn;
use peerlab_scenarios::seed::Seed;
use peerlab_virtual_clock as clock;

use crate::entropy;

/// Tasks that were handed in and do not run yet.
#[derive(Clone, Default)]
struct Inbox(Arc<Mutex<Vec<BoxFuture<'static, ()>>>>);

impl Inbox {
    fn put(&self, task: BoxFuture<'static, ()>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(task);
    }

    /// Starts what was handed in, in that order. False when nothing was.
    fn empty(&self, spawner: &LocalSpawner) -> bool {
        let tasks = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        let any = !tasks.is_empty();
        for task in tasks {
            spawner.spawn(task).expect("the pool is there as long as its spawner is used");
        }
        any
    }
}

/// Lets a world live until what `life` makes has come to its end. It is given what spawns tasks.
///
/// The world has a thread of its own, on which nothing has happened before: so it is the same each time.
///
/// # Panics
/// When something in it does, or when nothing is left to happen and it has not ended.
pub fn live<T, F, L>(seed: Seed, life: L) -> T
where
    T: Send,
    F: Future<Output = T> + 'static,
    L: FnOnce(Spawn) -> F + Send,
    T: 'static,
{
    let on_a_thread = || {
        entropy::seed(seed);
        let inbox = Inbox::default();
        let spawn: Spawn = {
            let inbox = inbox.clone();
            Arc::new(move |task| inbox.put(task))
        };
        let mut pool = LocalPool::new();
        let spawner = pool.spawner();
        let end = Rc::new(Cell::new(None));
        let came = Rc::clone(&end);
        let life = life(spawn);
        let whole = async move { came.set(Some(life.await)) };
        spawner.spawn_local(whole).expect("a pool that was just made takes tasks");
        loop {
            inbox.empty(&spawner);
            pool.run_until_stalled();
            if let Some(end) = end.take() {
                return end;
            }
            assert!(
                inbox.empty(&spawner) || clock::advance(u64::MAX),
                "nothing is left to happen, and the world has not ended"
            );
        }
    };
    thread::scope(|scope| {
        let world = thread::Builder::new().name("world".to_owned()).spawn_scoped(scope, on_a_thread);
        let world = world.expect("a thread can be had");
        world.join().unwrap_or_else(|died| panic::resume_unwind(died))
    })
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant as Wall};

    use futures::{StreamExt as _, channel::mpsc};
    use futures_timer::Delay;
    use web_time::Instant;

    use super::*;

    #[test]
    fn hours_pass_in_no_time_and_tasks_wake_in_the_order_of_their_timers() {
        let began = Wall::now();
        let order = live(Seed(1), |spawn| async move {
            let (tell, told) = mpsc::unbounded();
            for hours in [3u64, 1, 2] {
                let tell = tell.clone();
                spawn(Box::pin(async move {
                    let start = Instant::now();
                    Delay::new(Duration::from_secs(hours * 3600)).await;
                    assert_eq!(start.elapsed(), Duration::from_secs(hours * 3600));
                    tell.unbounded_send(hours).unwrap();
                }));
            }
            drop(tell);
            told.collect::<Vec<_>>().await
        });
        assert_eq!(order, [1, 2, 3]);
        assert!(began.elapsed() < Duration::from_secs(60));
    }

    #[test]
    #[should_panic(expected = "nothing is left to happen")]
    fn a_world_that_stands_still_says_so() {
        live(Seed(1), |_| std::future::pending::<()>());
    }
}
