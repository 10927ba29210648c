//! The picture: a row an operation, its latencies on the left, its breaches on the right.
//!
//! Colours follow the reader's light or dark scheme. A screen reader gets the title and a
//! description with all the figures; a pointer gets each bar's own.

use std::fmt::Write as _;

use super::format::{duration, percent};
use super::{Grain, Report};
use crate::buckets::{self, BUCKETS};
use crate::histogram::Histogram;
use crate::key::{Hour, Operation};

const WIDTH: f64 = 960.0;
const ROW_HEIGHT: f64 = 230.0;
const HEAD_HEIGHT: f64 = 64.0;
const PLOT_HEIGHT: f64 = 130.0;
/// Left edge and width of the two columns' plots.
const LATENCIES: (f64, f64) = (60.0, 440.0);
const BREACHES: (f64, f64) = (570.0, 360.0);
/// The longest span whose breaches are drawn by hour.
const MAX_HOURS: usize = 7 * 24;

const STYLE: &str = "
svg { --ground: #ffffff; --ink: #1f2328; --faint: #59636e; --line: #d1d9e0; --bar: #0969da; --breach: #bc4c00; }
@media (prefers-color-scheme: dark) {
  svg { --ground: #0d1117; --ink: #f0f6fc; --faint: #9198a1; --line: #3d444d; --bar: #4493f8; --breach: #f0883e; }
}
text { font: 12px system-ui, sans-serif; fill: var(--faint); }
.title { font-size: 18px; font-weight: 600; fill: var(--ink); }
.operation { font-size: 14px; font-weight: 600; fill: var(--ink); }
.figures { fill: var(--ink); }
.end { text-anchor: end; }
.middle { text-anchor: middle; }
.ground { fill: var(--ground); }
.line { stroke: var(--line); }
.threshold { stroke: var(--breach); stroke-dasharray: 5 4; stroke-width: 1.5; }
.bar { fill: var(--bar); }
.breach { fill: var(--breach); }
";

pub fn render(report: &Report) -> String {
    let rows = Operation::ALL.map(|operation| (operation, report.whole(operation)));
    let height = HEAD_HEIGHT + ROW_HEIGHT * 3.0;
    let span = format!("{} to {} UTC", report.first, report.last.plus(1));
    let mut svg = Svg(String::new());
    svg.put(format_args!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-labelledby=\"title desc\">\n\
         <title id=\"title\">What customers waited, {span}</title>\n<desc id=\"desc\">"
    ));
    for (operation, histogram) in &rows {
        svg.put(format_args!(
            "{}: {}. ",
            operation.as_str(),
            figures(histogram, report.threshold)
        ));
    }
    svg.put(format_args!("</desc>\n<style>{STYLE}</style>\n"));
    svg.put(format_args!(
        "<rect class=\"ground\" width=\"{WIDTH}\" height=\"{height}\"/>\n"
    ));
    svg.text("title", 24.0, 34.0, "What customers waited");
    svg.text("end", WIDTH - 24.0, 34.0, &span);
    for ((operation, histogram), row) in rows.iter().zip([0.0, 1.0, 2.0]) {
        let top = HEAD_HEIGHT + ROW_HEIGHT * row;
        svg.text("operation", 24.0, top + 8.0, operation.as_str());
        svg.text(
            "figures",
            24.0,
            top + 28.0,
            &figures(histogram, report.threshold),
        );
        latencies(&mut svg, histogram, report.threshold, top + 48.0);
        breaches(&mut svg, report, *operation, top + 48.0);
    }
    svg.put(format_args!("</svg>\n"));
    svg.0
}

/// An operation in a sentence.
fn figures(histogram: &Histogram, threshold: u64) -> String {
    let percentile = |percent| histogram.percentile(percent).map(duration);
    match (
        percentile(50),
        percentile(95),
        percentile(99),
        histogram.breach_rate(),
    ) {
        (Some(p50), Some(p95), Some(p99), Some(rate)) => format!(
            "{} counted, p50 {p50}, p95 {p95}, p99 {p99}, {} of them ({}) over {}",
            histogram.total(),
            histogram.breaches(),
            percent(rate),
            duration(float(threshold)),
        ),
        _ => "nothing counted".to_owned(),
    }
}

/// The distribution of latencies, on a logarithmic axis.
fn latencies(svg: &mut Svg, histogram: &Histogram, threshold: u64, top: f64) {
    let (left, width) = LATENCIES;
    let limit = buckets::bucket(threshold);
    let used: Vec<usize> = histogram
        .counts()
        .map(|(bucket, _)| bucket)
        .chain([limit])
        .collect();
    let first = used.iter().min().map_or(0, |b| b.saturating_sub(4));
    let last = used.iter().max().map_or(BUCKETS, |b| b + 4);
    let x = |bucket: f64| left + width * (bucket - index(first)) / index(last + 1 - first);
    let tallest = histogram
        .counts()
        .map(|(_, count)| count)
        .max()
        .unwrap_or(0);
    let scale = frame(svg, left, width, top, tallest);
    for (bucket, count) in histogram.counts() {
        let (shortest, longest) = buckets::bounds(bucket);
        let class = if shortest > threshold {
            "breach"
        } else {
            "bar"
        };
        // Empty neighbours below 20 ms are bridged, so that the bars touch.
        let mut start = bucket;
        while start > first && is_empty(start - 1) {
            start -= 1;
        }
        let label = format!(
            "{} to {}: {count}",
            duration(float(shortest)),
            duration(float(longest))
        );
        let bar = Bar {
            left: x(index(start)),
            right: x(index(bucket + 1)),
            top,
            count,
            scale,
        };
        svg.bar(class, &bar, &label);
    }
    let bottom = top + PLOT_HEIGHT;
    for tick in [
        1, 10, 100, 1000, 10_000, 60_000, 600_000, 3_600_000, 36_000_000,
    ] {
        let bucket = buckets::bucket(tick);
        if (first..=last).contains(&bucket) {
            let at = x(index(bucket + 1));
            svg.line("line", at, bottom, at, bottom + 4.0);
            svg.text("middle", at, bottom + 18.0, &duration(float(tick)));
        }
    }
    let at = x(index(limit + 1));
    svg.line("threshold", at, top - 6.0, at, bottom);
    svg.text(
        "middle",
        left + width / 2.0,
        bottom + 36.0,
        "latency; the dashed line is the threshold",
    );
}

/// Whether no whole millisecond falls into a bucket.
fn is_empty(bucket: usize) -> bool {
    let (shortest, longest) = buckets::bounds(bucket);
    shortest > longest
}

/// The breaches by hour or day.
fn breaches(svg: &mut Svg, report: &Report, operation: Operation, top: f64) {
    let (left, width) = BREACHES;
    let hours = std::iter::successors(Some(report.first), |hour| {
        let next = hour.plus(1);
        (next > *hour && next <= report.last).then_some(next)
    });
    let hours: Vec<Hour> = hours.collect();
    let grain = if hours.len() > MAX_HOURS {
        Grain::Day
    } else {
        Grain::Hour
    };
    let mut slots: Vec<String> = hours.iter().map(|hour| grain.slot(*hour)).collect();
    slots.dedup();
    let counted = report.slots(operation, None, grain);
    let breaches = |slot: &String| counted.get(slot).map_or(0, Histogram::breaches);
    let tallest = slots.iter().map(breaches).max().unwrap_or(0);
    let scale = frame(svg, left, width, top, tallest);
    let step = width / index(slots.len());
    let gap = if step > 4.0 { 1.0 } else { 0.0 };
    let every = slots.len().div_ceil(6);
    let bottom = top + PLOT_HEIGHT;
    for (number, slot) in slots.iter().enumerate() {
        let start = left + step * index(number);
        let count = breaches(slot);
        if count > 0 {
            let total = counted.get(slot).map_or(0, Histogram::total);
            let bar = Bar {
                left: start,
                right: start + step - gap,
                top,
                count,
                scale,
            };
            svg.bar("breach", &bar, &format!("{slot}: {count} of {total}"));
        }
        if number % every == 0 {
            // An hour shows its clock time, and its date where a day begins or the axis does.
            let label = match slot.split_once('T') {
                Some((date, hour)) if hour == "00" || number == 0 => {
                    format!("{} {hour}h", &date[5..])
                }
                Some((_, hour)) => format!("{hour}h"),
                None => slot[5..].to_owned(),
            };
            svg.line("line", start, bottom, start, bottom + 4.0);
            svg.text("middle", start + step / 2.0, bottom + 18.0, &label);
        }
    }
    let by = if grain == Grain::Day {
        "breaches by day (UTC)"
    } else {
        "breaches by hour (UTC)"
    };
    svg.text("middle", left + width / 2.0, bottom + 36.0, by);
}

/// Draws a plot's axes and gives the count that fills its height.
fn frame(svg: &mut Svg, left: f64, width: f64, top: f64, tallest: u64) -> u64 {
    let full = round_up(tallest);
    // Half of 1 or 3 is no count.
    let half = full.is_multiple_of(2).then_some(full / 2);
    for count in [Some(0), half, Some(full)].into_iter().flatten() {
        let y = top + PLOT_HEIGHT * (1.0 - float(count) / float(full));
        svg.line("line", left, y, left + width, y);
        svg.text("end", left - 6.0, y + 4.0, &count.to_string());
    }
    full
}

/// The next 1, 2, 3, 4, 6 or 8 times a power of ten, 1 at least.
fn round_up(count: u64) -> u64 {
    let mut power = 1_u64;
    loop {
        for factor in [1, 2, 3, 4, 6, 8] {
            if count <= power.saturating_mul(factor) {
                return power.saturating_mul(factor);
            }
        }
        power = power.saturating_mul(10);
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a picture needs no more than f64's 15 digits"
)]
fn float(number: u64) -> f64 {
    number as f64
}

#[expect(clippy::cast_precision_loss, reason = "indexes here stay below 10,000")]
fn index(number: usize) -> f64 {
    number as f64
}

struct Bar {
    left: f64,
    right: f64,
    /// The plot's top.
    top: f64,
    count: u64,
    /// The count that fills the plot's height.
    scale: u64,
}

/// The text of the picture. Everything written to it is made here: nothing needs escaping.
struct Svg(String);

impl Svg {
    fn put(&mut self, text: std::fmt::Arguments<'_>) {
        self.0
            .write_fmt(text)
            .expect("writing to a string can't fail");
    }

    fn text(&mut self, class: &str, x: f64, y: f64, text: &str) {
        self.put(format_args!(
            "<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\">{text}</text>\n"
        ));
    }

    fn line(&mut self, class: &str, x1: f64, y1: f64, x2: f64, y2: f64) {
        self.put(format_args!(
            "<line class=\"{class}\" x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\"/>\n"
        ));
    }

    /// A bar is one pixel high at least: what is there is seen.
    fn bar(&mut self, class: &str, bar: &Bar, label: &str) {
        let height = (PLOT_HEIGHT * float(bar.count) / float(bar.scale)).max(1.0);
        let (x, y) = (bar.left, bar.top + PLOT_HEIGHT - height);
        let width = (bar.right - bar.left).max(0.5);
        self.put(format_args!(
            "<rect class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\"><title>{label}</title></rect>\n"
        ));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::tests::{hour, sample};
    use super::*;

    #[test]
    fn the_picture_names_its_figures_for_those_who_can_not_see_it() {
        let svg = sample().svg();
        assert!(svg.contains("role=\"img\" aria-labelledby=\"title desc\""));
        assert!(svg.contains("6 counted, p50 "), "{svg}");
        assert!(svg.contains("1 of them (16.7 %) over 2.5 s"), "{svg}");
        assert!(svg.contains("prefers-color-scheme: dark"));
    }

    #[test]
    fn breaches_stand_in_their_hour_and_over_a_week_in_their_day() {
        assert!(
            sample()
                .svg()
                .contains("<title>2026-11-22T09: 1 of 1</title>")
        );
        let report = Report {
            first: hour("2026-11-01T00"),
            ..sample()
        };
        let svg = report.svg();
        assert!(svg.contains("<title>2026-11-22: 1 of 1</title>"), "{svg}");
        assert!(svg.contains("breaches by day"));
    }

    #[test]
    fn an_empty_report_is_still_a_picture() {
        let report = Report {
            series: std::collections::BTreeMap::new(),
            ..sample()
        };
        assert!(report.svg().contains("nothing counted"));
    }

    proptest! {
        #[test]
        fn all_bars_stay_inside(latencies in prop::collection::vec(0..u64::from(u32::MAX), 0..60)) {
            let mut report = sample();
            for hours in report.series.values_mut() {
                for histogram in hours.values_mut() {
                    for &millis in &latencies {
                        histogram.record(millis, 2500, crate::Waits::default());
                    }
                }
            }
            let svg = report.svg();
            for bar in svg.lines().filter(|line| line.starts_with("<rect class=\"b")) {
                let number = |name: &str| -> f64 {
                    bar.split_once(&format!(" {name}=\"")).unwrap().1.split('"').next().unwrap().parse().unwrap()
                };
                prop_assert!(number("x") >= 0.0 && number("x") + number("width") <= WIDTH, "{bar}");
                prop_assert!(number("y") >= HEAD_HEIGHT && number("height") <= PLOT_HEIGHT, "{bar}");
            }
        }

        #[test]
        fn axes_end_on_round_numbers(count in 0..u64::MAX / 20) {
            let full = round_up(count);
            prop_assert!(full >= count && full <= count.max(1) * 2 + count / 2);
        }
    }
}
