"""Writes texts with the reference's scores, one JSON object a line, for `tests/parity.rs`.

    python generate.py COUNT SEED > texts.jsonl

Needs vaderSentiment==3.3.2. The texts are made of what the reference treats apart: lexicon words,
degree words, negations, idioms, emoji, punctuation, white space, letter case, contractions, numbers,
and any Unicode character that this Python knows.
"""

import json
import random
import sys
import unicodedata

from vaderSentiment import vaderSentiment as reference

if sys.version_info >= (3, 12):
    # From 3.12 on, sum() of floats carries a correction term, so that words which cancel out may
    # give exactly 0 where every earlier Python gives 5e-17 (and the punctuation then counts or not).
    def plain_sum(values):
        total = 0
        for value in values:
            total += value
        return total

    reference.sum = plain_sum

ANALYZER = reference.SentimentIntensityAnalyzer()
LEXICON = sorted(ANALYZER.lexicon)
BOOSTERS = sorted(reference.BOOSTER_DICT)
NEGATIONS = sorted(reference.NEGATE)
IDIOMS = sorted(reference.SPECIAL_CASES) + sorted(reference.SENTIMENT_LADEN_IDIOMS)
EMOJI = sorted(ANALYZER.emojis)
SINGLE_EMOJI = [emoji for emoji in EMOJI if len(emoji) == 1]
RULE_WORDS = (
    "no or nor kind of but BUT But least at very so this never without doubt the just enough sort a an is "
    "to for and not it's isn't wasn't ain't DON'T Can'T n't N'T 'n't xn'ty"
).split()
PLAIN = "flight agent bag order phone account today we they she my your please waiting gate app Monday".split()
PUNCTUATION = list("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~") + ["!!", "??", "???", "!?", "...", "!!!!!", "????", "--"]
SPACES = [" "] * 30 + list("\t\n\r\x0b\x0c\x1c\x1d\x1e\x1f\x85\xa0\u1680\u2000\u2009\u200a\u2028\u2029\u202f\u205f\u3000") + [
    "  ", " \n", "\u200b", "\ufeff", "\u180e", ""]
ODD = ["ß", "ẞ", "İ", "ı", "ſ", "Σ", "ς", "σ", "K", "Å", "ﬁ", "Dž", "ǅ", "ᾈ", "Ⅷ", "ⓐ", "Ⓐ", "ª", "ʰ", "’", "‘", "“", "”", "…",
       "—", "\u0301", "\u0307", "\u200d", "\ufe0f", "\U0001f3ff", "Þ", "þ", "é", "É", "中", "ア", "ا", "न", "\U0001f1fa", "﷽"]


def any_character(rng):
    while True:
        character = chr(rng.choice((rng.randrange(0x80), rng.randrange(0x3000), rng.randrange(0x10000), rng.randrange(0x110000))))
        if unicodedata.category(character) not in ("Cn", "Cs"):
            return character


def with_case(rng, word):
    kind = rng.randrange(12)
    if kind < 6:
        return word
    if kind < 8:
        return word.upper()
    if kind < 9:
        return word.capitalize()
    if kind < 10:
        return "".join(rng.choice((c.lower(), c.upper())) for c in word)
    if kind < 11:
        return word.replace("s", "ſ").replace("k", "K").replace("i", "İ")
    at = rng.randrange(len(word) + 1)
    return word[:at] + rng.choice(ODD) + word[at:]


def word(rng):
    kind = rng.randrange(100)
    if kind < 30:
        return with_case(rng, rng.choice(LEXICON))
    if kind < 42:
        return with_case(rng, rng.choice(BOOSTERS))
    if kind < 52:
        return with_case(rng, rng.choice(NEGATIONS))
    if kind < 68:
        return with_case(rng, rng.choice(RULE_WORDS))
    if kind < 74:
        return with_case(rng, rng.choice(IDIOMS))
    if kind < 80:
        return rng.choice(SINGLE_EMOJI) * rng.choice((1, 1, 1, 2, 3))
    if kind < 82:
        return rng.choice(EMOJI)
    if kind < 85:
        return "".join(rng.choice(PUNCTUATION) for _ in range(rng.randrange(1, 5)))
    if kind < 87:
        return str(rng.randrange(10 ** rng.randrange(1, 6))) + rng.choice(("", "", "%", "th", "hrs", ".5", "!"))
    if kind < 89:
        return "".join(any_character(rng) for _ in range(rng.randrange(1, 6)))
    if kind < 91:
        return "".join(rng.choice(ODD) for _ in range(rng.randrange(1, 4)))
    return with_case(rng, rng.choice(PLAIN))


def decorated(rng, word):
    if rng.random() < 0.2:
        word = rng.choice(PUNCTUATION) + word
    if rng.random() < 0.35:
        word += rng.choice(PUNCTUATION)
    return word


def text(rng):
    kind = rng.randrange(40)
    if kind == 0:
        return "".join(any_character(rng) for _ in range(rng.randrange(40)))
    if kind == 1:
        # Few different words, so that equal valences meet (the reference's "but" depends on them).
        few = [word(rng) for _ in range(3)] + ["but"]
        return " ".join(rng.choice(few) for _ in range(rng.randrange(1, 30)))
    if kind == 2:
        return "".join(word(rng) for _ in range(rng.randrange(1, 6)))
    length = rng.choice((1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 24, 40))
    return "".join(decorated(rng, word(rng)) + rng.choice(SPACES) for _ in range(length))


def main():
    count, seed = int(sys.argv[1]), int(sys.argv[2])
    rng = random.Random(seed)
    for _ in range(count):
        made = text(rng)
        print(json.dumps({"text": made, **ANALYZER.polarity_scores(made)}))


if __name__ == "__main__":
    main()
