//! From datagram to reply nothing is allocated, with the index that the daemon serves from.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use garth_benches::handler::{Asked, Handler, REQUESTS};
use garth_benches::packets::Kind;
use garth_benches::population::Population;

/// Counts what the system's allocator is asked for.
struct Counting;

thread_local! {
    /// By this thread: the one that runs the tests goes its own ways.
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

#[expect(unsafe_code, reason = "a global allocator cannot be written without")]
// SAFETY: every call goes to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps the contract of `dealloc`; the pointer came from `System`.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Allocations of answering `calls` batches of `N`, behind a few that find everything for the first time.
fn allocations<const N: usize>(asked: Asked, calls: usize) -> usize {
    let mut handler = Handler::new(asked, Population::new(1_000), REQUESTS, N);
    for _ in 0..4 {
        handler.answer::<N>();
    }
    let before = ALLOCATIONS.get();
    for _ in 0..calls {
        handler.answer::<N>();
    }
    ALLOCATIONS.get() - before
}

#[test]
fn no_packet_costs_an_allocation_with_the_index() {
    for asked in [
        Asked::Kind(Kind::Pap),
        Asked::Kind(Kind::Chap),
        Asked::Kind(Kind::Garden),
        Asked::Kind(Kind::Reject),
        Asked::Kind(Kind::UnknownUser),
        Asked::Kind(Kind::BadAuthenticator),
        Asked::Kind(Kind::Accounting),
        Asked::UnknownSource,
    ] {
        assert_eq!(allocations::<1>(asked, 1_000), 0, "{asked:?}, alone");
        assert_eq!(allocations::<32>(asked, 100), 0, "{asked:?}, in batches");
    }
}
