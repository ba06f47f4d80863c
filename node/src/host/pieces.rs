//! A frame in the pieces in which it lies in memory, so that the bytes of a chunk are sent from where its holder keeps them.

use std::{mem, ptr};

use bytes::Bytes;
use peerlab_scenarios::{
    host::{Msg, Payload},
    wire::{
        Blob, Content, Sort, header,
        update::{Chunk, UpdateItem},
    },
};
use postcard::ser_flavors::Flavor;

use super::Native;

/// The frame of a message: one piece, or three when it has a chunk with its bytes, which are shared and not copied.
pub(super) fn of(msg: &Msg<Native>, native: &Native) -> Vec<Bytes> {
    if let Payload::Item(item) = &msg.payload
        && let Content::Update(UpdateItem::Chunk(Chunk { body: Blob::Real(body), .. })) = &item.content
    {
        let header = header(msg.kind, msg.hops, msg.workload, Sort::Item).to_vec();
        let gather = Gather { body, pieces: Vec::with_capacity(3), last: header };
        return postcard::serialize_with_flavor(&**item, gather).expect("every type here has a known length");
    }
    vec![msg.frame(native).encode().into()]
}

/// Takes a value's encoding down, but for a body that it finds in it.
struct Gather<'a> {
    body: &'a Bytes,
    pieces: Vec<Bytes>,
    last: Vec<u8>,
}

impl Flavor for Gather<'_> {
    type Output = Vec<Bytes>;

    fn try_push(&mut self, byte: u8) -> postcard::Result<()> {
        self.last.push(byte);
        Ok(())
    }

    fn try_extend(&mut self, bytes: &[u8]) -> postcard::Result<()> {
        if ptr::eq(bytes, &**self.body) {
            self.pieces.push(mem::take(&mut self.last).into());
            self.pieces.push(self.body.clone());
        } else {
            self.last.extend_from_slice(bytes);
        }
        Ok(())
    }

    fn finalize(mut self) -> postcard::Result<Vec<Bytes>> {
        self.pieces.push(self.last.into());
        Ok(self.pieces)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use peerlab_scenarios::{
        host::{Host as _, Peer},
        plan::identity::keypair,
        seed::Seed,
        units::Nanos,
        wire::{Item, ItemId, Kind, merkle::Digest, update::chunk_id},
    };

    use super::*;

    #[test]
    fn pieces_make_the_frame_and_a_body_is_not_copied() {
        let mut native = Native::new(Peer(0), keypair(Seed(1), Peer(0)));
        let chunk = |len| {
            let path = vec![Digest([3; 32]); 5];
            let chunk = Chunk { version: 1, index: 7, path, body: Blob::Sized(len) };
            Item::new(chunk_id(0, Peer(0), 1, 7), 1, Nanos(5), Content::Update(UpdateItem::Chunk(chunk)))
        };
        let raw = Item::new(ItemId::new(0, Peer(0), 1), 0, Nanos::ZERO, Content::Raw(Blob::Sized(9)));
        for (item, count) in [(chunk(100_000), 3), (chunk(0), 3), (raw, 1)] {
            let item = native.make_item(item);
            let msg = Msg::<Native>::new(Kind::Serve, 0, Payload::Item(Arc::clone(&item)));
            let pieces = of(&msg, &native);
            assert_eq!(pieces.len(), count);
            assert_eq!(pieces.concat(), msg.frame(&native).encode());
            if let Content::Update(UpdateItem::Chunk(Chunk { body: Blob::Real(body), .. })) = &item.content {
                assert_eq!(pieces[1].as_ptr(), body.as_ptr());
            }
        }
    }
}
