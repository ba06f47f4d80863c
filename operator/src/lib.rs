//! Scenarios of peerlab as custom resources of Kubernetes.
//!
//! A [`ScenarioObject`](resource::ScenarioObject) becomes a fleet of pods, a report and a verdict. The way there has two halves that know little of
//! each other:
//!
//! - [`build`] and [`reconcile::decide`] are pure: they take what was seen in the cluster and give what should be there, what is said of it, and
//!   when to look again. Nothing in them waits, reads a clock or talks to anybody.
//! - [`reconcile`], [`watch`] and [`conductor`] see and act. They keep no state that a restart would lose: all of it is in the cluster.

#![forbid(unsafe_code)]

pub mod build;
pub mod conductor;
pub mod leader;
pub mod metrics;
pub mod prepare;
pub mod reconcile;
pub mod resource;
pub mod serve;
pub mod settings;
pub mod watch;
