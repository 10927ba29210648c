//! A record's place in its stream shard.

use std::fmt;

/// The most digits that DynamoDB writes.
/// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_streams_StreamRecord.html>
const DIGITS: usize = 40;

/// A sequence number, which DynamoDB writes with 21 to 40 digits. It is kept as a text of 40, with
/// zeros in front, since texts of one length compare as their numbers do, here and in a condition
/// of DynamoDB's, whose own numbers are exact to 38 digits only.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Sequence(String);

impl Sequence {
    pub fn new(text: &str) -> Option<Self> {
        let number = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        (number && text.len() <= DIGITS).then(|| Self(format!("{text:0>DIGITS$}")))
    }
}

impl fmt::Display for Sequence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_sequence_has_one_to_forty_digits() {
        assert!(Sequence::new(&"9".repeat(40)) > Sequence::new("1"));
        assert_eq!(Sequence::new("007"), Sequence::new("7"));
        for text in ["", "12a", "+1", "-1", &"1".repeat(41)] {
            assert_eq!(Sequence::new(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn sequences_and_their_texts_sort_as_numbers_do(a in 0..u128::MAX, b in 0..u128::MAX, fewer in 0..39_u32) {
            let b = b / 10_u128.pow(fewer);
            let of = |n: u128| Sequence::new(&n.to_string()).unwrap();
            prop_assert_eq!(of(a).cmp(&of(b)), a.cmp(&b));
            prop_assert_eq!(of(a).to_string().cmp(&of(b).to_string()), a.cmp(&b));
        }
    }
}
