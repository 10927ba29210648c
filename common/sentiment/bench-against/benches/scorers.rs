//! The scorers beside each other on typical support messages, and this one on a megabyte of each
//! kind of text that could make a scorer slow. `table.py` prints the results.

use std::hint::black_box;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

const MEGABYTE: usize = 1_000_000;

fn messages(c: &mut Criterion) {
    let messages: Vec<&str> = include_str!("../messages.txt").lines().collect();
    let mut group = c.benchmark_group("messages");
    group.throughput(Throughput::Elements(messages.len() as u64));
    group.bench_function("sentiment", |b| {
        b.iter(|| {
            messages
                .iter()
                .map(|text| sentiment::polarity(black_box(text)).compound)
                .sum::<f64>()
        });
    });
    group.bench_function("sentiment, support layer", |b| {
        b.iter(|| {
            let score = |text| {
                sentiment::support::polarity(black_box(text), sentiment::support::Parts::ALL)
                    .compound
            };
            messages.iter().map(|text| score(text)).sum::<f64>()
        });
    });
    let analyzer = vader_sentiment::SentimentIntensityAnalyzer::new();
    group.bench_function("vader_sentiment", |b| {
        b.iter(|| {
            messages
                .iter()
                .map(|text| analyzer.polarity_scores(black_box(text))["compound"])
                .sum::<f64>()
        });
    });
    let analyzer = vader_sentimental::SentimentIntensityAnalyzer::new();
    group.bench_function("vader-sentimental", |b| {
        b.iter(|| {
            messages
                .iter()
                .map(|text| analyzer.polarity_scores(black_box(text)).compound)
                .sum::<f64>()
        });
    });
    group.finish();
}

fn megabytes(c: &mut Criterion) {
    let mut group = c.benchmark_group("megabyte");
    group
        .sample_size(10)
        .warm_up_time(Duration::from_millis(100))
        .measurement_time(Duration::from_millis(500));
    for (name, unit) in [
        ("prose", include_str!("../messages.txt")),
        ("mixed", "GREAT 😹 not ❤️ good!?, but &amp; :( no1's \u{200d}#SoBad @a 3hrs… ‘K’ "),
        ("emoji", "😹"),
        ("emoji of the support layer", "😡"),
        ("emoji of many words", "⛈"),
        ("one token", "a"),
        ("spaces", " "),
        ("exclamation marks", "!"),
        ("question marks", "?"),
        ("one-letter words", "l "),
        ("lexicon words", "good "),
        ("lexicon words in capitals", "AWFUL "),
        ("but", "but "),
        ("but and emoticons", "but :( "),
        ("apostrophes", "'"),
        ("n't", "n't "),
        ("negations", "not "),
        ("no", "no "),
        ("phrases almost", "still still been "),
        ("entities", "&amp;"),
        ("ampersands", "&"),
        ("words joined by hyphens", "aa-"),
        ("words joined by points", "a...b "),
        ("mentions", "@a "),
        ("at signs", "@"),
        ("hashtags", "#AaA "),
        ("links", "http://a "),
        ("drawn-out words", "aaab "),
        ("numbers with units", "1h "),
        ("zero-width joiners", "\u{200d}"),
        ("letters that aren't ASCII", "ß "),
        ("one token that isn't ASCII", "İ"),
    ] {
        let text = unit.repeat(MEGABYTE / unit.len());
        group.bench_with_input(BenchmarkId::new("sentiment", name), &text, |b, text| {
            b.iter(|| sentiment::polarity(black_box(text)));
        });
        group.bench_with_input(BenchmarkId::new("support layer", name), &text, |b, text| {
            b.iter(|| {
                sentiment::support::polarity(black_box(text), sentiment::support::Parts::ALL)
            });
        });
    }
    group.finish();
}

criterion_group!(benches, messages, megabytes);
criterion_main!(benches);
