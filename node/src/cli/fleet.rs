//! `peerlab-node fleet`: a scenario on real peers of this machine, and its report written.

use std::path::{Path, PathBuf};

use clap::Args;
use peerlab_node::{fleet, host::record::Tapes};
use peerlab_report::{
    cli::{Stop, input::Ready},
    record::Recorder,
};
use peerlab_scenarios::{capabilities::check_division, spec::read::Fault};

use super::{
    children::{Children, divide},
    conduct::{listen, orchestrate},
    descriptors,
    live::{Cut, Live, Scene},
};

#[derive(Debug, Args)]
pub(super) struct Fleet {
    #[command(flatten)]
    live: Live,
    /// Run the peers in processes of their own, so many in each; one, without a number.
    #[arg(long, value_name = "PEERS", num_args = 0..=1, require_equals = true, default_missing_value = "1")]
    #[arg(value_parser = clap::value_parser!(u32).range(1..))]
    processes: Option<u32>,
    /// Record what each peer's machines are told and answer in this folder, for `peerlab-node replay`: a file for each of its lives.
    #[arg(long, value_name = "DIR", conflicts_with = "processes")]
    record: Option<PathBuf>,
}

impl Fleet {
    pub(super) fn run(self) -> Result<u8, Stop> {
        let Self { live, processes, record } = self;
        live.run(|scene| match processes {
            None => {
                descriptors::check(scene.plan, scene.options.transport)
                    .map_err(|fault| scene.refuse(fault))?;
                let tapes = record.map(|folder| tapes(&scene, &folder)).transpose()?;
                let Scene { runtime, plan, recorder, options, on_phase, stop, .. } = scene;
                Ok(fleet::run(runtime, plan, recorder, options, tapes, on_phase, stop)?)
            }
            Some(each) => in_processes(scene, each),
        })
    }
}

/// Files in a folder for the lives of a run's peers.
fn tapes(scene: &Scene<'_>, folder: &Path) -> Result<Tapes, Cut> {
    let Ready { bytes, files, plan, .. } = scene.ready;
    let tapes = Tapes::new(folder.to_owned(), scene.name(), bytes.clone(), files.clone(), plan.seed.0);
    tapes.map_err(|error| Stop::Input(format!("error: --record {}: {error}\n", folder.display())).into())
}

/// Runs a scenario with so many peers in each process, and the conductor in this one.
fn in_processes(scene: Scene<'_>, each: u32) -> Result<fleet::Run<Recorder>, Cut> {
    let parts = divide(scene.plan, each);
    if !scene.options.bare_links {
        // All processes have so many, but for the last.
        let divided = check_division(scene.plan, |peer| peer.0 / each);
        divided.map_err(|error| scene.refuse(Fault::from(error).help("take more peers a process")))?;
    }
    let address = "/ip4/127.0.0.1/tcp/0".parse().expect("it is an address");
    let conductor = listen(&scene, &address)?;
    let (children, gone) = Children::start(conductor.address(), scene.plan.seed.0, &parts)?;
    let run = orchestrate(conductor, scene, gone);
    // Without their conductor, which is gone now, they end.
    drop(children);
    run
}
