//! What a peer's machines were told and what they answered, kept in a file, and stepped through again.
//!
//! Machines have neither clock nor chance nor socket of their own: the same inputs at the same instants give the same answers. So a
//! record of the inputs of one life is all that it takes to see again what a peer did on a real network, as often as one likes, and
//! to see where another build does something else.
//!
//! A file holds [`MAGIC`], then records, each in postcard's encoding behind its length in four bytes, the highest first. The first
//! is the [`Header`]; [`Record`] says what the others are. A file that ends within a record is that of a process that died, and is
//! read as far as it goes.
//!
//! | module | what it holds |
//! |---|---|
//! | `format` | what is in a file, and how it is read |
//! | `output` | what machines answer, so that two answers can be compared and shown |
//! | `tape` | how it is written |
//! | `replay` | how machines are stepped through it |

mod format;
mod output;
mod replay;
mod tape;
#[cfg(test)]
mod tests;

pub use self::{
    format::{Given, Header, MAGIC, Read, Record, RecordError},
    output::{Output, Print},
    replay::{Difference, Replayed, replay},
    tape::{Tape, Tapes},
};
