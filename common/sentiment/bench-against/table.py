"""Prints the table of the crate's README: what `cargo bench` measured, and Python VADER and TextBlob
timed here on the same messages.

    python table.py CRITERION_DIRECTORY     (target/bench-against/criterion)

Needs vaderSentiment==3.3.2 and textblob.
"""

import json
import pathlib
import statistics
import sys
import time

from textblob import TextBlob
from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

MESSAGES = (pathlib.Path(__file__).parent / "messages.txt").read_text(encoding="utf-8").splitlines()


def rust(directory, name):
    """The median of a benchmark, in seconds."""
    estimates = directory / name / "new" / "estimates.json"
    return json.loads(estimates.read_text())["median"]["point_estimate"] / 1e9


def python(score):
    """The median of 50 rounds over all messages, in seconds a message."""
    rounds = []
    for _ in range(50):
        start = time.perf_counter()
        for message in MESSAGES:
            score(message)
        rounds.append((time.perf_counter() - start) / len(MESSAGES))
    return statistics.median(rounds)


def main():
    directory = pathlib.Path(sys.argv[1])
    medians = {
        "`sentiment`": rust(directory, "messages/sentiment") / len(MESSAGES),
        "`sentiment`, support layer": rust(directory, "messages/sentiment, support layer") / len(MESSAGES),
        "`vader-sentimental` 0.1.3": rust(directory, "messages/vader-sentimental") / len(MESSAGES),
        "`vader_sentiment` 0.1.1": rust(directory, "messages/vader_sentiment") / len(MESSAGES),
        "Python vaderSentiment 3.3.2": python(SentimentIntensityAnalyzer().polarity_scores),
        "Python TextBlob": python(lambda text: TextBlob(text).sentiment.polarity),
    }
    ours = medians["`sentiment`"]
    print("| scorer | a message (median) | times `sentiment` |\n|---|---|---|")
    for name, median in medians.items():
        print(f"| {name} | {median * 1e6:.2f} µs | {median / ours:.1f} |")
    print("\n| 1 MB of | plain | support layer |\n|---|---|---|")
    for path in sorted((directory / "megabyte" / "sentiment").iterdir()):
        if path.name != "report":
            plain, support = (rust(directory, f"megabyte/{kind}/{path.name}") for kind in ("sentiment", "support layer"))
            print(f"| {path.name.replace('_', ' ')} | {plain * 1e3:.1f} ms | {support * 1e3:.1f} ms |")


if __name__ == "__main__":
    main()
