//! `peerlab-node fleet`: a scenario on real peers of this machine, and its report written.

use clap::Args;
use peerlab_node::{conduct::Conductor, fleet, link::check_division};
use peerlab_report::{cli::Stop, record::Recorder};
use peerlab_scenarios::{host::Peer, spec::read::Fault};

use super::{
    children::{Children, divide},
    conduct::{inputs, orchestrate},
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
}

impl Fleet {
    pub(super) fn run(&self) -> Result<u8, Stop> {
        self.live.run(|scene| match self.processes {
            None => {
                let Scene { plan, recorder, options, on_phase, stop, .. } = scene;
                Ok(fleet::run(plan, recorder, options, on_phase, stop)?)
            }
            Some(each) => in_processes(scene, each),
        })
    }
}

/// Runs a scenario with so many peers in each process, and the conductor in this one.
fn in_processes(scene: Scene<'_>, each: u32) -> Result<fleet::Run<Recorder>, Cut> {
    let parts = divide(scene.plan, each);
    if !scene.options.bare_links {
        for peers in &parts {
            let divided = check_division(scene.plan, &peers.clone().map(Peer).collect());
            divided.map_err(|error| scene.refuse(Fault::from(error).help("take more peers a process")))?;
        }
    }
    let address = "/ip4/127.0.0.1/tcp/0".parse().expect("it is an address");
    let runtime = fleet::runtime()?;
    let listens = Conductor::listen(scene.plan, inputs(&scene), scene.options, &address);
    let conductor = runtime.block_on(listens)?;
    let (children, gone) = Children::start(conductor.address(), scene.plan.seed.0, &parts)?;
    let run = orchestrate(&runtime, conductor, scene, gone);
    // Without their conductor they end.
    runtime.shutdown_background();
    drop(children);
    run
}
