//! What customers waited, for people: as a table and as a picture. Pure.

mod format;
mod svg;
mod table;

use std::collections::BTreeMap;

use jiff::tz::TimeZone;

use crate::histogram::Histogram;
use crate::key::{Hour, Operation, Platform, SeriesKey};
use crate::store::Hours;

/// The histograms of a span of hours, ready to be shown.
pub struct Report {
    /// The first and the last hour, both included, also where nothing was counted in them.
    pub first: Hour,
    pub last: Hour,
    /// Over this many milliseconds an operation is a breach.
    pub threshold: u64,
    pub series: BTreeMap<SeriesKey, Hours>,
}

/// How finely the table divides the time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grain {
    /// One row for the whole span.
    Span,
    Day,
    Hour,
}

impl Report {
    /// An aligned text table: a row a platform and operation (and day or hour), and where there are
    /// several platforms, rows of all of them together.
    pub fn table(&self, grain: Grain) -> String {
        table::render(self, grain)
    }

    /// A picture that stands alone: for each operation the distribution of latencies, and the
    /// breaches by hour (by day, over a week).
    pub fn svg(&self) -> String {
        svg::render(self)
    }

    /// The histograms of an operation by time slot, of one platform or of all together.
    fn slots(
        &self,
        operation: Operation,
        platform: Option<Platform>,
        grain: Grain,
    ) -> BTreeMap<String, Histogram> {
        let mut slots: BTreeMap<String, Histogram> = BTreeMap::new();
        for (key, hours) in &self.series {
            let wanted = platform.is_none_or(|platform| key.platform == platform);
            if key.operation != operation || !wanted {
                continue;
            }
            for (hour, histogram) in hours {
                slots.entry(grain.slot(*hour)).or_default().merge(histogram);
            }
        }
        slots
    }

    /// All of an operation.
    fn whole(&self, operation: Operation) -> Histogram {
        self.slots(operation, None, Grain::Span)
            .into_values()
            .next()
            .unwrap_or_default()
    }
}

impl Grain {
    fn slot(self, hour: Hour) -> String {
        match self {
            Self::Span => String::new(),
            Self::Day => hour.start().to_zoned(TimeZone::UTC).date().to_string(),
            Self::Hour => hour.to_string(),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::histogram::Waits;

    pub(crate) fn hour(text: &str) -> Hour {
        text.parse().unwrap()
    }

    /// Two platforms over two days; X has one breach of a minute.
    pub(crate) fn sample() -> Report {
        let mut series: BTreeMap<SeriesKey, Hours> = BTreeMap::new();
        let mut count = |platform: &str, operation, at: &str, millis: u64| {
            let key = SeriesKey {
                platform: Platform::of(platform),
                operation,
            };
            let waits = Waits {
                limiter: millis / 10,
                ..Waits::default()
            };
            series
                .entry(key)
                .or_default()
                .entry(hour(at))
                .or_default()
                .record(millis, 2500, waits);
        };
        for millis in [100, 200, 300, 400, 500] {
            count(
                "facebook",
                Operation::SocialRouting,
                "2026-11-21T23",
                millis,
            );
            count("facebook", Operation::Ingest, "2026-11-21T23", 5);
        }
        count("x", Operation::SocialRouting, "2026-11-22T09", 60_000);
        count("x", Operation::Ingest, "2026-11-22T09", 12);
        Report {
            first: hour("2026-11-21T10"),
            last: hour("2026-11-22T09"),
            threshold: 2500,
            series,
        }
    }
}
