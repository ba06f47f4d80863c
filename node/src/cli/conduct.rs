//! `peerlab-node conduct`: a scenario whose peers are processes that others have started, and its report written.

use clap::Args;
use futures::channel::mpsc;
use libp2p::Multiaddr;
use peerlab_node::{
    conduct::{ConductError, Conductor, Gone, Inputs, Standing, Watchers},
    fleet::Run,
    serve::Status,
};
use peerlab_report::{
    cli::{Stop, input::Ready, interrupt::INTERRUPTED, tell},
    record::Recorder,
};

use super::{
    live::{Cut, Live, Scene},
    peer::INVALID,
};

#[derive(Debug, Args)]
pub(super) struct Conduct {
    #[command(flatten)]
    live: Live,
    /// Where to listen for the processes of peers, such as `/ip4/0.0.0.0/tcp/4001`.
    #[arg(long, value_name = "ADDRESS")]
    listen: Multiaddr,
}

impl Conduct {
    pub(super) fn run(self) -> Result<u8, Stop> {
        let Self { live, listen: address } = self;
        live.run(|scene| {
            let conductor = listen(&scene, &address)?;
            tracing::info!(address = %conductor.address(), "listening");
            if !scene.is_quiet {
                tell(&format!("listening at {}\n", conductor.address()));
            }
            // Others look after the processes.
            let (_, gone) = mpsc::unbounded();
            orchestrate(conductor, scene, gone)
        })
    }
}

/// A conductor of a scenario that listens for processes.
pub(super) fn listen(scene: &Scene<'_>, address: &Multiaddr) -> Result<Conductor, Cut> {
    let Ready { bytes, files, .. } = scene.ready;
    let inputs = Inputs { name: scene.name(), scenario: bytes.clone(), files: files.clone() };
    let listens = Conductor::listen(scene.plan, inputs, scene.options, address);
    let conductor = scene.runtime.block_on(listens)?;
    scene.told.update(|status| {
        // Who is missing is told from the first answer on.
        conductor.standing().into_iter().for_each(|standing| count(status, standing));
        status.is_ready = true;
    });
    Ok(conductor)
}

/// Tells who is there and who is not.
fn count(status: &mut Status, standing: Standing) {
    status.peers_ready = standing.ready;
    status.peers_missing = standing.away;
}

/// Conducts a run to its end.
pub(super) fn orchestrate(conductor: Conductor, scene: Scene<'_>, gone: Gone) -> Result<Run<Recorder>, Cut> {
    let Scene { runtime, told, recorder, on_phase, stop, .. } = scene;
    let on_look = &mut |standing: Standing| {
        // First who is there: who hears that a run has begun may ask for that next.
        let phase = standing.phase;
        told.update(|status| count(status, standing));
        on_phase(phase);
    };
    let watchers = Watchers { on_look, stop, gone };
    runtime.block_on(conductor.conduct(recorder, watchers)).map_err(|error| match error {
        ConductError::NoQuorum { .. } => Cut::Says(error.to_string(), INVALID),
        ConductError::Interrupted => Cut::Says(error.to_string(), INTERRUPTED),
        error => error.into(),
    })
}
