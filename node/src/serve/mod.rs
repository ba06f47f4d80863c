//! What is told of a run over HTTP while it lasts, and its report when it is over.
//!
//! Whoever runs peers writes into a [`Status`]; a [`Server`] answers from what stands there, on a thread of its own, so that it
//! says that the run hangs when it does.
//!
//! | request | answer |
//! |---|---|
//! | `GET /livez` | 200 while the event loop turns, else 503 |
//! | `GET /readyz` | 200 once others may come, or peers listen, else 503 |
//! | `GET /metrics` | figures for Prometheus, as OpenMetrics 1.0 |
//! | `GET /status` | how far the run has come, and what came of it, as JSON |
//! | `GET /report/PATH` | a file of the run folder, once it is written |
//! | `POST /collected` | the files are not needed any more: the program may end |
//!
//! | module | what it holds |
//! |---|---|
//! | `status` | what is told |
//! | `pulse` | how late the event loop is, and when it last turned |
//! | `metrics` | both as OpenMetrics |
//! | `routes` | which request is answered by what |
//! | `server` | the connections, and their limits |

mod metrics;
mod pulse;
mod routes;
mod server;
mod status;
#[cfg(test)]
mod tests;

pub use self::{
    pulse::{Beat, Heart},
    server::{ServeError, Server},
    status::{Files, Status},
};
