//! Tokens that never repeat.

use std::hash::{BuildHasher, Hasher, RandomState};

/// A new token: the prefix says who issued it, the rest is random.
pub(crate) fn fresh_token(prefix: &str) -> String {
    // Each RandomState has fresh random keys, so its hash of nothing is a random number.
    let random = || RandomState::new().build_hasher().finish();
    format!("{prefix}-{:016x}{:016x}", random(), random())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_tokens_are_the_same() {
        let tokens: std::collections::HashSet<_> = (0..1000).map(|_| fresh_token("x")).collect();
        assert_eq!(tokens.len(), 1000);
    }
}
