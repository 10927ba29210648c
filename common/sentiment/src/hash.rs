//! The hash of a word in whatever letter case, shared by `build.rs` and the lookup. The keys are fixed
//! at build time, so no text can make the table slower than its longest run of full slots.

/// Takes in the first and the last eight bytes of a word, which tell nearly all words apart.
#[inline]
pub fn word(word: &[u8]) -> usize {
    // Sets the bit by which ASCII's lowercase letters differ, in every byte that is ASCII.
    let lower = |bytes: u64| bytes | 0x2020_2020_2020_2020 & !(bytes >> 2);
    let eight = |bytes: &[u8; 8]| u64::from_le_bytes(*bytes);
    let four = |bytes: &[u8; 4]| u64::from(u32::from_le_bytes(*bytes));
    let (first, last) = if word.len() >= 8 {
        (word.first_chunk().map(eight), word.last_chunk().map(eight))
    } else if word.len() >= 4 {
        (word.first_chunk().map(four), word.last_chunk().map(four))
    } else {
        let all = word.iter().fold(0, |all, byte| all << 8 | u64::from(*byte));
        (Some(all), None)
    };
    let (first, last) = (first.unwrap_or(0), last.unwrap_or(0));
    pair(lower(first), lower(last))
}

/// Takes in two numbers: the wide product of both with its halves laid over each other.
#[inline]
pub fn pair(first: u64, last: u64) -> usize {
    let product =
        u128::from(first ^ 0x9e37_79b9_7f4a_7c15) * u128::from(last ^ 0xd1b5_4a32_d192_ed03);
    (product ^ (product >> 64)) as usize
}
