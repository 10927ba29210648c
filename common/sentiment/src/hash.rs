//! The hash of a lowercased word (FNV-1a, folded), shared by `build.rs` and the lookup. The keys are
//! fixed at build time, so no text can make the table slower than its longest run of full slots.

/// The hash of nothing.
pub const START: u32 = 0x811c_9dc5;

/// Takes in one byte.
pub const fn step(hash: u32, byte: u8) -> u32 {
    (hash ^ byte as u32).wrapping_mul(0x0100_0193)
}

/// Makes the hash usable as an index (the low bits of FNV alone are weak).
pub const fn finish(hash: u32) -> usize {
    (hash ^ (hash >> 15)) as usize
}
