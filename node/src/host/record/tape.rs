//! How a life is recorded.

use std::{
    fs::{self, OpenOptions},
    io::{self, BufWriter, Write},
    path::PathBuf,
    sync::Arc,
};

use peerlab_scenarios::{
    host::{Circle, Effect, Input, Peer},
    plan::Files,
    units::Nanos,
};

use super::{
    Output,
    format::{Given, Header, MAGIC, Record, pack},
};
use crate::host::Native;

/// Where the lives of a run are recorded: a folder with a file for each.
#[derive(Clone, Debug)]
pub struct Tapes(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    folder: PathBuf,
    name: String,
    scenario: Vec<u8>,
    files: Files,
    seed: u64,
}

impl Tapes {
    /// Files in this folder, which is made if need be, of a run of this scenario: the name of its file, its bytes, the files that it
    /// names, and the seed.
    ///
    /// # Errors
    /// When the folder cannot be made, or is not empty.
    pub fn new(
        folder: PathBuf,
        name: String,
        scenario: Vec<u8>,
        files: Files,
        seed: u64,
    ) -> io::Result<Self> {
        fs::create_dir_all(&folder)?;
        if fs::read_dir(&folder)?.next().is_some() {
            return Err(io::Error::other("the folder is not empty: records go to a new one"));
        }
        Ok(Self(Arc::new(Inner { folder, name, scenario, files, seed })))
    }

    /// The tape of a life, in a file that there was not.
    ///
    /// # Errors
    /// With the name of the file, when it cannot be made.
    pub fn tape(&self, peer: Peer, life: u32) -> Result<Tape, String> {
        let Inner { folder, name, scenario, files, seed } = &*self.0;
        let path = folder.join(format!("peer-{}-life-{life}.rec", peer.0));
        let header = Header {
            release: env!("CARGO_PKG_VERSION").to_owned(),
            name: name.clone(),
            scenario: scenario.clone(),
            files: files.clone(),
            seed: *seed,
            peer,
            life,
        };
        let file = OpenOptions::new().write(true).create_new(true).open(&path);
        let tape = file.and_then(|file| Tape::new(BufWriter::new(file), &header));
        tape.map_err(|error| format!("its record {} cannot be written: {error}", path.display()))
    }
}

/// Records one life.
pub struct Tape {
    file: Box<dyn Write + Send>,
    circle: Option<(Vec<Peer>, Vec<Peer>)>,
}

impl Tape {
    /// Begins with what the machines are made from.
    ///
    /// # Errors
    /// When that cannot be written.
    pub fn new(mut file: impl Write + Send + 'static, header: &Header) -> io::Result<Self> {
        file.write_all(MAGIC)?;
        file.write_all(&pack(header)?)?;
        Ok(Self { file: Box::new(file), circle: None })
    }

    /// What the machines are about to be told; none when there is nothing to record of it.
    pub(in crate::host) fn given(input: &Input<Native>, native: &Native) -> Option<Given> {
        Given::of(input, native)
    }

    /// A step was made.
    pub(in crate::host) fn step(
        &mut self,
        now: Nanos,
        circle: &Circle,
        given: Given,
        effects: &[Effect<Native>],
        native: &Native,
    ) -> io::Result<()> {
        if self.circle.as_ref().is_none_or(|(live, known)| *live != circle.live || *known != circle.known) {
            self.circle = Some((circle.live.clone(), circle.known.clone()));
            let record = Record::Circle { live: circle.live.clone(), known: circle.known.clone() };
            self.file.write_all(&pack(&record)?)?;
        }
        let outputs = Output::of_step(effects, native);
        self.file.write_all(&pack(&Record::Step { at: now.0, given, outputs })?)
    }

    /// Nothing more will come.
    pub(in crate::host) fn end(mut self) -> io::Result<()> {
        self.file.flush()
    }
}
