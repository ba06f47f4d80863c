//! Several designs held against one: reports read again, and the comparison as tables, charts and pages.

mod figures;
pub(crate) mod load;
pub mod markdown;
pub mod page;
mod tables;

use peerlab_scenarios::report::replicates::Replicates;

pub use figures::figures;
pub use load::{LoadError, load};
pub use tables::{Rows, compact, full};

use crate::replicates::Curves;

/// A design: the report on its runs, and its curves.
#[derive(Clone, Debug)]
pub struct Design {
    /// What it is called.
    pub name: String,
    /// The report on its runs.
    pub report: Replicates,
    /// Its curves; none when only its report is there.
    pub curves: Curves,
}
