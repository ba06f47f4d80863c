//! What outlasts a chat: the key, and what was said.
//!
//! The folder holds `key`, and for each room a file of records, each behind its length in four bytes, the highest first. A record is
//! a card, or an entry as its machine asked for it to be kept. The end of a file that a crash has torn is cut off.

use std::{
    collections::BTreeMap,
    fs::{self, File, OpenOptions},
    io::{self, Read as _, Seek as _, Write as _},
    path::{Path, PathBuf},
    sync::Arc,
};

use libp2p::identity::{DecodingError, Keypair};
use peerlab_scenarios::{
    host::StoreKey,
    wire::{Body, Frame, Item, Kind, MAX_FRAME},
};
use serde::{Deserialize, Serialize};

use crate::host::{Entry, Room, Roster, card::Card};

/// Why key or history cannot be kept.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A file refuses.
    #[error("{}: {why}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        why: io::Error,
    },
    /// The file of the key holds none.
    #[error("{}: it holds no key: {why}", path.display())]
    Key {
        /// Which.
        path: PathBuf,
        /// Why.
        why: DecodingError,
    },
    /// Two processes that speak with one key would contradict each other.
    #[error("{}: another process takes part with this folder", .0.display())]
    InUse(PathBuf),
}

#[derive(Serialize, Deserialize)]
enum Record {
    Card(Card),
    Kept(u64, Vec<u8>),
}

/// Where a chat is kept, if it is.
#[derive(Debug)]
pub(super) struct Store(Option<(PathBuf, File)>);

fn at(path: &Path) -> impl FnOnce(io::Error) -> StoreError + '_ {
    |why| StoreError::File { path: path.to_owned(), why }
}

impl Store {
    /// The store of a room in a folder, with the key that is kept there; without a folder, a new key and a store that keeps nothing.
    pub(super) fn open(folder: Option<&Path>, room: &str) -> Result<(Self, Keypair), StoreError> {
        let Some(folder) = folder else { return Ok((Self(None), Keypair::generate_ed25519())) };
        fs::create_dir_all(folder).map_err(at(folder))?;
        let path = folder.join("key");
        let keys = match fs::read(&path) {
            Ok(bytes) => Keypair::from_protobuf_encoding(&bytes)
                .map_err(|why| StoreError::Key { path: path.clone(), why })?,
            Err(why) if why.kind() == io::ErrorKind::NotFound => new_key(&path)?,
            Err(why) => return Err(at(&path)(why)),
        };
        // Names of rooms are no names of files.
        let path = folder.join(format!("{}.room", &blake3::hash(room.as_bytes()).to_hex()[..16]));
        let file = OpenOptions::new().read(true).append(true).create(true).open(&path).map_err(at(&path))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(fs::TryLockError::WouldBlock) => return Err(StoreError::InUse(folder.to_owned())),
            Err(fs::TryLockError::Error(why)) => return Err(at(&path)(why)),
        }
        Ok((Self(Some((path, file))), keys))
    }

    /// What was kept, for the machines to begin with; the roster learns who was in the room.
    pub(super) fn recall(&mut self, roster: &Roster) -> Result<BTreeMap<StoreKey, Arc<Item>>, StoreError> {
        let Some((path, file)) = &mut self.0 else { return Ok(BTreeMap::new()) };
        let mut bytes = Vec::new();
        file.rewind().and_then(|()| file.read_to_end(&mut bytes)).map_err(at(path))?;
        let (mut kept, mut whole) = (BTreeMap::new(), 0);
        while let Some((record, end)) = record(&bytes, whole) {
            whole = end;
            match record {
                // One that is known by a later card, or is not of this room, is no matter.
                Record::Card(card) => {
                    let _ = roster.learn(card);
                }
                Record::Kept(key, frame) => {
                    if let Ok(Frame { body: Body::Item(item), .. }) = Frame::decode(&frame)
                        && roster.has_signed(item.author(), &item.signed_part(), &item.signature())
                    {
                        kept.insert(StoreKey(key), Arc::new(item));
                    }
                }
            }
        }
        file.set_len(whole as u64).map_err(at(path))?;
        Ok(kept)
    }

    /// Keeps what is to be kept.
    pub(super) fn keep(&mut self, entry: &Entry) -> Result<(), StoreError> {
        let Some((path, file)) = &mut self.0 else { return Ok(()) };
        let record = match entry {
            Entry::Room(Room::Introduced(_, card)) => Record::Card(card.clone()),
            Entry::Room(Room::Kept(key, item)) => {
                let body = Body::Item((**item).clone());
                Record::Kept(key.0, Frame { kind: Kind::ChatEntry, hops: 0, workload: 0, body }.encode())
            }
            _ => return Ok(()),
        };
        let record = postcard::to_allocvec(&record).expect("every type here has a known length");
        let length = u32::try_from(record.len()).expect("a frame is shorter than 4 GiB");
        let whole = [&length.to_be_bytes()[..], &record].concat();
        file.write_all(&whole).and_then(|()| file.sync_data()).map_err(at(path))
    }
}

/// The record that begins at a place, and where it ends; none when it is not whole.
fn record(bytes: &[u8], from: usize) -> Option<(Record, usize)> {
    let (length, rest) = bytes.get(from..)?.split_first_chunk::<4>()?;
    let length = u32::from_be_bytes(*length) as usize;
    let record = rest.get(..length).filter(|_| length <= 2 * MAX_FRAME)?;
    Some((postcard::from_bytes(record).ok()?, from + 4 + length))
}

/// Makes a key, and a file of it that nobody else may read.
fn new_key(path: &Path) -> Result<Keypair, StoreError> {
    let keys = Keypair::generate_ed25519();
    let bytes = keys.to_protobuf_encoding().map_err(|why| StoreError::Key { path: path.to_owned(), why })?;
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path).map_err(at(path))?;
    file.write_all(&bytes).and_then(|()| file.sync_all()).map_err(at(path))?;
    Ok(keys)
}
