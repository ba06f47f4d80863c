//! Fleets of real libp2p peers on this machine, in real time. What is held here is what must be right however fast the machine is;
//! how fast it is shows in the validity of a run, and is not asserted.

mod crew;
mod honesty;
mod stories;
