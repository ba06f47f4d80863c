//! The files that a process may have open: each peer has one for where it listens, and each connection over TCP one at either end. Over QUIC
//! all connections of a peer go through the one.

use peerlab_node::fleet::Transport;
use peerlab_scenarios::{
    plan::Plan,
    spec::read::{Fault, FieldPath},
};

/// Those of the program itself, of its threads, and of connections that peers make beside those of the plan.
const BESIDES: u64 = 200;

/// Lets this process have as many as it may.
pub(super) fn raise() {
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
        let limit = getrlimit(Resource::Nofile);
        // Where that is not allowed it stays as it was, and the check below sees that.
        let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit });
    }
}

/// How many it may have, if that is bounded.
fn most() -> Option<u64> {
    #[cfg(target_os = "linux")]
    return rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    #[cfg(not(target_os = "linux"))]
    None
}

/// How many the peers of a plan want when all of them are in one process, with the connections of the plan: those that they make beside it
/// cannot be known.
fn wanted(plan: &Plan, transport: Transport) -> u64 {
    let of_connections = match transport {
        Transport::Tcp => 2 * plan.graph.edges(),
        Transport::Quic => 0,
    };
    u64::from(plan.peers.len()) + of_connections + BESIDES
}

/// What is wrong with running all peers of a plan in this process, if it may not have so many.
pub(super) fn check(plan: &Plan, transport: Transport) -> Result<(), Fault> {
    let (wanted, most) = (wanted(plan, transport), most().unwrap_or(u64::MAX));
    if wanted <= most {
        return Ok(());
    }
    let why = format!(
        "{} peers with {} connections take about {wanted} open files in one process, which may have {most}",
        plan.peers.len(),
        plan.graph.edges()
    );
    let fault = Fault::new(FieldPath::parse("spec.groups"), why);
    Err(fault.help(format!(
        "take fewer peers or fewer links, raise the limit (`ulimit -Hn {wanted}`, as root), give each some peers with `--processes`, or simulate it: \
         `peerlab-sim run`"
    )))
}
