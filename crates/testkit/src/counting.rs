//! An allocator that counts, for the promise that a step allocates nothing.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

/// The system allocator with a count of allocations for each thread.
///
/// A test binary installs it with `#[global_allocator] static COUNTING: CountingAllocator = CountingAllocator;`.
pub struct CountingAllocator;

impl CountingAllocator {
    /// Allocations and reallocations of this thread so far; stays 0 where the allocator is not installed.
    pub fn count() -> u64 {
        ALLOCATIONS.with(Cell::get)
    }

    /// Whether this binary allocates through the counter.
    pub fn is_installed() -> bool {
        let before = Self::count();
        drop(std::hint::black_box(Box::new(0_u8)));
        Self::count() > before
    }
}

fn count_one() {
    ALLOCATIONS.with(|n| n.set(n.get() + 1));
}

// SAFETY: every call is handed to the system allocator unchanged; the counter is a constant-initialised
// thread-local without a destructor, so counting itself never allocates.
unsafe impl GlobalAlloc for CountingAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count_one();
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        // SAFETY: `ptr` came from `System` with this layout.
        unsafe { System.dealloc(ptr, layout) }
    }

    unsafe fn realloc(&self, ptr: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        count_one();
        // SAFETY: `ptr` came from `System` with this layout, and the caller keeps the contract of `realloc`.
        unsafe { System.realloc(ptr, layout, new_size) }
    }
}
