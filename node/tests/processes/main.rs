//! Runs whose peers are in processes of their own: real programs, real signals, real sockets of this machine. How fast they are
//! shows in the validity of a run, and is not asserted.
#![cfg(unix)]

mod crew;
mod served;
mod stories;
mod watched;
