//! What every engine of peerlab leaves behind: one report, however the run was made.
//!
//! An engine tells an [`Observer`] what happens and hands over an [`Outcome`] at the end. From these two and the plan comes
//! everything else: histograms and series while the run lasts ([`record`]), the report ([`assemble`]), its charts
//! ([`figures`], [`charts`]), its page ([`page`], [`html`]), the run folder ([`folder`]), and what the command line says
//! ([`cli`]). Nothing here knows which engine it was: an engine fills plain data, and a metric means the same of all of them.

#![forbid(unsafe_code)]

pub mod assemble;
pub mod charts;
pub mod cli;
pub mod copies;
pub mod distributions;
pub mod facts;
pub mod figures;
pub mod folder;
pub mod html;
pub mod junit;
pub mod markdown;
mod observer;
mod outcome;
pub mod page;
pub mod plan_tables;
pub mod quantity;
pub mod reach;
pub mod record;
pub mod starts;
pub mod traffic;
pub mod warm_up;

pub use observer::{Divisible, Observer, Tally};
pub use outcome::{EngineKind, Outcome};
