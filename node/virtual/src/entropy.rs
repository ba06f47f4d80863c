//! The entropy of a world: a stream of its seed, in place of the system's.
//!
//! libp2p draws from a dozen places (connection keys, gossip, ports of the memory transport, orders of hash maps), and none of
//! them can be given a generator. All of them end at `getrandom(2)` of the C library. So this program has a `getrandom` of its own,
//! which the linker takes instead: on a thread that has been seeded it answers from the seed, and on others from the system.

use std::{cell::RefCell, fs::File, io::Read as _};

use peerlab_scenarios::seed::{Rng, Seed};

thread_local! {
    static STREAM: RefCell<Option<Rng>> = const { RefCell::new(None) };
}

/// From now on this thread's entropy follows from a seed.
///
/// It must be the first that the thread does: the standard library draws the key of a thread's hash maps once.
pub fn seed(seed: Seed) {
    let stream = seed.stream("entropy", &[]);
    STREAM.with_borrow_mut(|current| *current = Some(stream));
}

/// Fills a buffer; false when nothing can be had.
fn fill(buffer: &mut [u8]) -> bool {
    let seeded = STREAM.try_with(|stream| {
        let Ok(mut stream) = stream.try_borrow_mut() else { return false };
        let Some(stream) = stream.as_mut() else { return false };
        for part in buffer.chunks_mut(8) {
            part.copy_from_slice(&stream.next_u64().to_le_bytes()[..part.len()]);
        }
        true
    });
    seeded.unwrap_or(false) || File::open("/dev/urandom").and_then(|mut file| file.read_exact(buffer)).is_ok()
}

/// `getrandom(2)`.
///
/// # Safety
/// As for the function that it stands for: `buffer` points to `len` bytes that may be written.
#[expect(unsafe_code, reason = "a function of the C library is replaced, by its name and with its signature")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn getrandom(buffer: *mut u8, len: usize, _flags: u32) -> isize {
    if buffer.is_null() || isize::try_from(len).is_err() {
        return -1;
    }
    // SAFETY: the caller vouches for `len` bytes behind `buffer`, to which nobody else refers while it waits, and whatever they
    // held before is only overwritten. They are cleared first, as they may never have been written.
    let buffer = unsafe {
        buffer.write_bytes(0, len);
        std::slice::from_raw_parts_mut(buffer, len)
    };
    if fill(buffer) { len as isize } else { -1 }
}

#[cfg(test)]
mod tests {
    use std::{collections::HashSet, thread};

    use super::*;

    /// Whatever a thread draws that is seeded so: of a generator, and of the order of a hash set.
    fn draws(by: Option<Seed>) -> (u64, Vec<u32>) {
        let thread = thread::spawn(move || {
            by.into_iter().for_each(seed);
            (rand::random(), (0..100).collect::<HashSet<u32>>().into_iter().collect())
        });
        thread.join().unwrap()
    }

    #[test]
    fn what_a_seeded_thread_draws_follows_from_its_seed_and_what_others_draw_does_not() {
        assert_eq!(draws(Some(Seed(1))), draws(Some(Seed(1))));
        assert_ne!(draws(Some(Seed(1))), draws(Some(Seed(2))));
        assert_ne!(draws(None), draws(None));
    }
}
