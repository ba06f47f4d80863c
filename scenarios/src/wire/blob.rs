//! The bytes of an application, which are most of what is on the wire: what shares them does not copy them.

use bytes::Bytes;
use postcard::{
    Deserializer as Postcard,
    de_flavors::{Flavor, Slice},
};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::{Item, ItemId};

/// Bytes of an application: their length alone in the model, themselves on the node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Blob {
    /// So many bytes that nobody looks into; zeros on the wire.
    Sized(u32),
    /// The bytes, shared by all copies: what is sent on or served is not copied for that.
    Real(Bytes),
}

impl Blob {
    /// Real bytes that belong to an item, the same whoever makes them: what a machine that gave a length alone would have had to
    /// say. They are the output of BLAKE3 for the item's name.
    #[must_use]
    pub fn filler(id: ItemId, len: u32) -> Self {
        let mut bytes = vec![0; len as usize];
        blake3::Hasher::new().update(&id.bits().to_le_bytes()).finalize_xof().fill(&mut bytes);
        Self::Real(bytes.into())
    }

    /// Length in bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Sized(len) => *len as usize,
            Self::Real(bytes) => bytes.len(),
        }
    }

    /// Whether there are no bytes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Serialize for Blob {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // Most bodies are short: their length is counted without an allocation.
        static ZEROS: [u8; 4096] = [0; 4096];
        match self {
            Self::Sized(len) => match ZEROS.get(..*len as usize) {
                Some(zeros) => serializer.serialize_bytes(zeros),
                None => serializer.serialize_bytes(&vec![0; *len as usize]),
            },
            Self::Real(bytes) => serializer.serialize_bytes(bytes),
        }
    }
}

impl<'de> Deserialize<'de> for Blob {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Body;
        impl de::Visitor<'_> for Body {
            type Value = Blob;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("bytes")
            }
            fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<Blob, E> {
                Ok(Blob::Real(Bytes::copy_from_slice(bytes)))
            }
        }
        deserializer.deserialize_bytes(Body)
    }
}

/// The item in a frame's payload, and what follows it. Its body shares the memory of the frame if it is more than half of it, so that
/// nothing short keeps much memory.
pub(super) fn item_sharing<'de>(frame: &Bytes, payload: &'de [u8]) -> postcard::Result<(Item, &'de [u8])> {
    let sharing = Sharing { rest: Slice::new(payload), least: frame.len() / 2 + 1, taken: None };
    let mut deserializer = Postcard::from_flavor(sharing);
    let mut item = Item::deserialize(&mut deserializer)?;
    let (rest, taken) = deserializer.finalize()?;
    match (taken, item.content.body_mut()) {
        (None, _) => {}
        (Some(taken), Some(body)) if body.is_empty() => *body = Blob::Real(frame.slice_ref(taken)),
        // Nothing else in an item may be empty where much stood, and was refused above.
        (Some(_), _) => return Err(postcard::Error::SerdeDeCustom),
    }
    Ok((item, rest))
}

/// Gives nothing where a long run of bytes stands, and keeps its place.
struct Sharing<'de> {
    rest: Slice<'de>,
    /// Bytes of a long run.
    least: usize,
    taken: Option<&'de [u8]>,
}

impl<'de> Flavor<'de> for Sharing<'de> {
    type Remainder = (&'de [u8], Option<&'de [u8]>);
    type Source = &'de [u8];

    fn pop(&mut self) -> postcard::Result<u8> {
        self.rest.pop()
    }

    fn size_hint(&self) -> Option<usize> {
        self.rest.size_hint()
    }

    fn try_take_n(&mut self, count: usize) -> postcard::Result<&'de [u8]> {
        let run = self.rest.try_take_n(count)?;
        if count < self.least {
            return Ok(run);
        }
        self.taken = Some(run);
        Ok(&[])
    }

    fn finalize(self) -> postcard::Result<Self::Remainder> {
        Ok((self.rest.finalize()?, self.taken))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        host::Peer,
        units::Nanos,
        wire::{
            Body, Content, Frame, Kind,
            merkle::Digest,
            update::{Chunk, UpdateItem, chunk_id},
        },
    };

    /// Where the body of a chunk of so many bytes lies that came in a frame of its own, and where the frame.
    fn came(len: u32) -> (Bytes, Bytes) {
        let id = chunk_id(0, Peer(0), 1, 0);
        let chunk =
            Chunk { version: 1, index: 0, path: vec![Digest::default(); 3], body: Blob::filler(id, len) };
        let item = Item::new(id, 0, Nanos::ZERO, Content::Update(UpdateItem::Chunk(chunk)));
        let frame = Frame { kind: Kind::Serve, hops: 0, workload: 0, body: Body::Item(item) };
        let bytes = Bytes::from(frame.encode());
        let decoded = Frame::decode_shared(&bytes).expect("it was encoded");
        assert_eq!(decoded, frame);
        let Body::Item(mut item) = decoded.body else { panic!("it is an item") };
        let Some(Blob::Real(body)) = item.content.body_mut() else { panic!("it has bytes") };
        (body.clone(), bytes)
    }

    #[test]
    fn a_body_that_is_most_of_its_frame_lies_in_it_and_no_other_does() {
        let (body, frame) = came(100_000);
        assert!(frame.as_ptr_range().contains(&body.as_ptr()));
        for len in [0, 1, 100] {
            let (body, frame) = came(len);
            assert!(!frame.as_ptr_range().contains(&body.as_ptr()), "{len}");
        }
    }
}
