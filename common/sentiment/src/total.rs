//! From valences to the four scores.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use crate::Scores;

/// Applies the first "but" of a text: what stands before it counts half, what stands after it half
/// as much again.
///
/// The reference walks over the valences and, for each, changes the *first* that equals it, so that
/// equal valences take each other's turn. This does the same in n log n: for each value a heap of the
/// positions that hold it. Zeros are left out; no factor changes them.
pub fn apply_but(valences: &mut [f64], but: usize) {
    let mut holders: BTreeMap<u64, BinaryHeap<Reverse<usize>>> = BTreeMap::new();
    for at in 0..valences.len() {
        let value = valences[at];
        if value == 0.0 {
            continue;
        }
        let equals = holders.entry(value.to_bits()).or_default();
        // A position that was changed while it lay behind is in its heap already.
        equals.push(Reverse(at));
        let &Reverse(first) = equals.peek().expect("one was just pushed");
        if first == but {
            continue;
        }
        equals.pop();
        valences[first] = value * if first < but { 0.5 } else { 1.5 };
        holders
            .entry(valences[first].to_bits())
            .or_default()
            .push(Reverse(first));
    }
}

/// Sums valences up, with the text's exclamation and question marks.
pub fn score(
    valences: impl Iterator<Item = f64>,
    (exclamations, questions): (usize, usize),
) -> Scores {
    let exclamations = [0.0, 1.0, 2.0, 3.0, 4.0][exclamations.min(4)] * 0.292;
    let questions = match questions {
        0 | 1 => 0.0,
        2 => 2.0 * 0.18,
        3 => 3.0 * 0.18,
        _ => 0.96,
    };
    let emphasis = exclamations + questions;

    let (mut sum, mut positive, mut negative, mut neutral) = (0.0, 0.0, 0.0, 0.0);
    for valence in valences {
        sum += valence;
        // A word without valence counts 1, so one that has some counts 1 more.
        if valence > 0.0 {
            positive += valence + 1.0;
        } else if valence < 0.0 {
            negative += valence - 1.0;
        } else {
            neutral += 1.0;
        }
    }
    let total_of_none: f64 = positive - negative + neutral;
    if total_of_none == 0.0 {
        return Scores::default();
    }

    if sum > 0.0 {
        sum += emphasis;
    } else if sum < 0.0 {
        sum -= emphasis;
    }
    let compound = (sum / (sum * sum + 15.0_f64).sqrt()).clamp(-1.0, 1.0);

    let balance = positive - negative.abs();
    if balance > 0.0 {
        positive += emphasis;
    } else if balance < 0.0 {
        negative -= emphasis;
    }
    let total = positive + f64::abs(negative) + neutral;
    Scores {
        compound: round(compound, 1e4),
        pos: round(positive / total, 1e3),
        neu: round(neutral / total, 1e3),
        neg: round(f64::abs(negative) / total, 1e3),
    }
}

/// Rounds as Python's `round` does: the exact binary value, a tie to the even digit. Never -0.
fn round(value: f64, scale: f64) -> f64 {
    let scaled = value * scale;
    let floor = scaled.floor();
    // Both differences are exact, and mul_add gives what the multiplication lost.
    let mut over_half = scaled - floor - 0.5;
    if over_half.abs() < 1e-6 {
        over_half += value.mul_add(scale, -scaled);
    }
    let rounded = if over_half == 0.0 {
        (floor + 0.5).round_ties_even()
    } else if over_half > 0.0 {
        floor + 1.0
    } else {
        floor
    };
    rounded / scale + 0.0
}

#[cfg(test)]
#[expect(
    clippy::float_cmp,
    reason = "equal to the last digit is what these tests are about"
)]
mod tests {
    use super::*;

    /// The reference's loop, word for word.
    fn reference_but(valences: &mut [f64], but: usize) {
        for at in 0..valences.len() {
            let value = valences[at];
            let first = valences.iter().position(|other| *other == value).unwrap();
            if first < but {
                valences[first] = value * 0.5;
            } else if first > but {
                valences[first] = value * 1.5;
            }
        }
    }

    proptest::proptest! {
        #[test]
        fn but_gives_what_the_quadratic_loop_gives(
            picks in proptest::collection::vec(0_usize..9, 0..60),
            but in 0_usize..60,
        ) {
            const VALUES: [f64; 9] = [0.0, 1.0, 2.0, 4.0, 1.5, 2.25, -0.5, -1.0, -3.0];
            let mut fast: Vec<f64> = picks.iter().map(|pick| VALUES[*pick]).collect();
            let mut slow = fast.clone();
            apply_but(&mut fast, but);
            reference_but(&mut slow, but);
            proptest::prop_assert_eq!(fast, slow);
        }

        #[test]
        fn rounding_is_that_of_the_exact_decimal_expansion(value in -1.0_f64..1.0) {
            proptest::prop_assert_eq!(round(value, 1e4), format!("{value:.4}").parse::<f64>().unwrap());
        }
    }

    #[test]
    fn a_tie_goes_to_the_even_digit() {
        assert_eq!(round(0.0625, 1e3), 0.062);
        assert_eq!(round(0.1875, 1e3), 0.188);
        assert_eq!(round(-0.0625, 1e3), -0.062);
        assert!(round(-0.000_01, 1e4).is_sign_positive());
    }
}
