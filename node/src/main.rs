//! `peerlab-node`: scenarios of peer-to-peer networks, on real libp2p peers.

fn main() {}
