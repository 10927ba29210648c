//! The scorers beside each other on typical support messages, and this one on a megabyte of each
//! kind of text that could make a scorer slow. `table.py` prints the results.

use std::hint::black_box;

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
    group.sample_size(10);
    for (name, unit) in [
        ("prose", include_str!("../messages.txt")),
        ("emoji", "😹"),
        ("emoji of many words", "⛈"),
        ("one token", "a"),
        ("exclamation marks", "!"),
        ("one-letter words", "l "),
        ("but", "but :( "),
        ("apostrophes", "'"),
        ("n't", "n't "),
        ("phrases almost", "still still been "),
        ("entities", "&amp;"),
        ("ampersands", "&"),
        ("hyphens", "aa-"),
        ("negations", "not "),
        ("mentions", "@a "),
        ("zero-width joiners", "\u{200d}"),
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
