//! Scenarios on real libp2p peers.
