//! The processes of a fleet: this program again, with some of the peers each.

use std::{
    io,
    ops::Range,
    process::{Child, Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use futures::channel::mpsc;
use libp2p::Multiaddr;
use peerlab_node::conduct::Gone;
use peerlab_scenarios::plan::Plan;

use super::peer::Indices;

/// How often processes are looked after.
const LOOK: Duration = Duration::from_millis(50);

/// How long they may take to end by themselves when the run is over.
const ENDS_WITHIN: Duration = Duration::from_secs(10);

/// The peers of each process, when each has so many.
pub(super) fn divide(plan: &Plan, each: u32) -> Vec<Range<u32>> {
    let peers = plan.peers.len();
    (0..peers.div_ceil(each))
        .map(|number| number * each..(number * each).saturating_add(each).min(peers))
        .collect()
}

/// The processes of a fleet. When it is dropped, they end.
#[derive(Debug)]
pub(super) struct Children {
    over: std::sync::mpsc::Sender<()>,
    watch: Option<thread::JoinHandle<()>>,
}

impl Children {
    /// Starts a process for each of these, whose conductor is there. The second tells of those that end before they should.
    pub(super) fn start(conductor: &Multiaddr, seed: u64, parts: &[Range<u32>]) -> io::Result<(Self, Gone)> {
        let program = std::env::current_exe()?;
        let mut children = Crew(Vec::new());
        for peers in parts {
            let mut command = Command::new(&program);
            command.args([
                "peer",
                "--conductor",
                &conductor.to_string(),
                "--seed",
                &seed.to_string(),
                "--index",
            ]);
            command.arg(Indices(peers.clone()).to_string());
            command.stdin(Stdio::null()).stdout(Stdio::null());
            // Ctrl-C is for this process, which then ends the others in good order.
            #[cfg(unix)]
            std::os::unix::process::CommandExt::process_group(&mut command, 0);
            children.0.push((peers.clone(), command.spawn()?));
        }
        let (tell, gone) = mpsc::unbounded();
        let (over, is_over) = std::sync::mpsc::channel();
        let watch = thread::spawn(move || children.watch(&tell, &is_over));
        Ok((Self { over, watch: Some(watch) }, gone))
    }
}

impl Drop for Children {
    fn drop(&mut self) {
        // It may have seen the last of them end.
        let _ = self.over.send(());
        let _ = self.watch.take().map(thread::JoinHandle::join);
    }
}

/// Processes that are there.
#[derive(Debug)]
struct Crew(Vec<(Range<u32>, Child)>);

impl Crew {
    /// Looks after them until the fleet is over and all have ended.
    fn watch(
        mut self,
        tell: &mpsc::UnboundedSender<(Range<u32>, String)>,
        over: &std::sync::mpsc::Receiver<()>,
    ) {
        let mut deadline = None;
        while !self.0.is_empty() {
            self.0.retain_mut(|(peers, child)| match child.try_wait() {
                Ok(None) => true,
                Ok(Some(status)) => {
                    if !status.success() {
                        // Whoever wanted to know may have gone.
                        let _ = tell.unbounded_send((peers.clone(), ended(child.id(), status)));
                    }
                    false
                }
                Err(error) => {
                    let _ = tell.unbounded_send((peers.clone(), format!("process {}: {error}", child.id())));
                    false
                }
            });
            if deadline.is_some_and(|deadline| Instant::now() > deadline) {
                return;
            }
            match over.recv_timeout(LOOK) {
                Ok(()) | Err(std::sync::mpsc::RecvTimeoutError::Disconnected) if deadline.is_none() => {
                    deadline = Some(Instant::now() + ENDS_WITHIN);
                }
                Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => thread::sleep(LOOK),
                _ => {}
            }
        }
    }
}

impl Drop for Crew {
    fn drop(&mut self) {
        for (_, child) in &mut self.0 {
            // It may just have ended.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// How a process ended.
fn ended(id: u32, status: ExitStatus) -> String {
    #[cfg(unix)]
    if let Some(signal) = std::os::unix::process::ExitStatusExt::signal(&status) {
        return format!("process {id} was killed by signal {signal}");
    }
    match status.code() {
        Some(code) => format!("process {id} ended with code {code}"),
        None => format!("process {id} ended"),
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::process::ExitStatusExt as _;

    use super::*;

    #[test]
    fn how_a_process_ended_is_said_in_words() {
        assert_eq!(ended(4711, ExitStatus::from_raw(9)), "process 4711 was killed by signal 9");
        assert_eq!(ended(4711, ExitStatus::from_raw(3 << 8)), "process 4711 ended with code 3");
    }
}
