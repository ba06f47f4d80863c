//! Machines stepped through what was recorded.

use std::{io, sync::Arc};

use peerlab_scenarios::{
    host::{Circle, Env, Outbox, PeerHost, Uplink},
    role,
    units::Nanos,
};

use super::{
    Output,
    format::{Read, Record, RecordError},
};
use crate::host::{Native, Overlay, Roster, Setting};

/// What came of a replay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Replayed {
    /// So many steps, and every answer was the same.
    Same {
        /// How many.
        steps: u64,
    },
    /// An answer was another.
    Differs(Box<Difference>),
}

/// Where an answer was first another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// In which step, from 0.
    pub step: u64,
    /// When, from the run's start.
    pub at: Nanos,
    /// What the machines were told.
    pub given: String,
    /// Which of their answers, from 0.
    pub place: usize,
    /// What was recorded; nothing when there were fewer answers.
    pub expected: Option<Output>,
    /// What came now; nothing when there are fewer answers.
    pub got: Option<Output>,
}

/// Steps the machines of a file through what they were told, each step at its recorded instant, until an answer is another than
/// the recorded one or there is nothing more.
///
/// # Errors
/// When the file is damaged, or no plan comes of its scenario.
pub fn replay<R: io::Read>(file: &mut Read<R>) -> Result<Replayed, RecordError> {
    let plan = file.header.plan()?;
    let me = file.header.peer;
    let setting = Setting::of(&plan, me);
    let keys = Roster::new(plan.seed, plan.peers.len()).keypair(me);
    let mut native = Native::new(me, keys);
    let mut machines =
        PeerHost::new(Overlay::new(&setting, Arc::default()), role::Any::<Native>::of(&plan, me));
    let mut out = Outbox::default();
    let mut circle = Circle::default();
    let mut steps = 0;
    while let Some(record) = file.record()? {
        let (now, given, outputs) = match record {
            Record::Circle { live, known } => {
                circle = Circle { live, known };
                continue;
            }
            Record::Step { at, given, outputs } => (Nanos(at), given, outputs),
        };
        native.now = now;
        let env = Env {
            now,
            me,
            seed: setting.seed,
            neighbours: &circle,
            uplink: &Uplink::IDLE,
            host: &mut native,
            out: &mut out,
        };
        machines.step(env, given.input().map_err(|why| file.damaged(why))?);
        let got = Output::of_step(&std::mem::take(&mut out.effects), &native);
        native.pubsub.clear();
        native.lookups.clear();
        if got != outputs {
            let place = got.iter().zip(&outputs).take_while(|(got, expected)| got == expected).count();
            return Ok(Replayed::Differs(Box::new(Difference {
                step: steps,
                at: now,
                given: given.to_string(),
                place,
                expected: outputs.get(place).cloned(),
                got: got.get(place).cloned(),
            })));
        }
        steps += 1;
    }
    Ok(Replayed::Same { steps })
}
