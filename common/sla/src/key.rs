//! What latencies are counted by. Each part has a bounded number of values, since they become
//! keys and rows; a platform's name comes from outside.

use std::fmt;
use std::str::FromStr;

use jiff::{SignedDuration, Timestamp};

/// What was waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Operation {
    /// The webhook's request came in, until the interaction was durably queued.
    Ingest,
    /// Received, until CXone made the task.
    SocialRouting,
    /// Received, until the ticketing system had it.
    TicketSync,
}

impl Operation {
    pub const ALL: [Self; 3] = [Self::Ingest, Self::SocialRouting, Self::TicketSync];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ingest => "ingest",
            Self::SocialRouting => "social_routing",
            Self::TicketSync => "ticket_sync",
        }
    }
}

/// A platform that latencies are shown for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Platform(&'static str);

impl Platform {
    /// The platforms with rows of their own; whatever else a webhook names is `other`.
    pub const ALL: [Self; 14] = [
        Self("apple"),
        Self("facebook"),
        Self("google"),
        Self("instagram"),
        Self("line"),
        Self("linkedin"),
        Self("telegram"),
        Self("tiktok"),
        Self("viber"),
        Self("wechat"),
        Self("whatsapp"),
        Self("x"),
        Self("youtube"),
        Self("other"),
    ];

    pub const OTHER: Self = Self("other");

    /// The platform that a webhook's text names, in any case.
    pub fn of(text: &str) -> Self {
        let name = text.trim().to_ascii_lowercase();
        let name = if name == "twitter" { "x" } else { &name };
        Self::ALL
            .into_iter()
            .find(|platform| platform.0 == name)
            .unwrap_or(Self::OTHER)
    }

    pub fn as_str(self) -> &'static str {
        self.0
    }
}

/// One line of the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SeriesKey {
    pub platform: Platform,
    pub operation: Operation,
}

impl SeriesKey {
    /// All that there can be.
    pub fn all() -> impl Iterator<Item = Self> {
        Platform::ALL.into_iter().flat_map(|platform| {
            Operation::ALL.into_iter().map(move |operation| Self {
                platform,
                operation,
            })
        })
    }
}

/// An hour of UTC, written `2026-11-22T09`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Hour(Timestamp);

#[derive(Debug, thiserror::Error)]
#[error("an hour is written like 2026-11-22T09, in UTC")]
pub struct InvalidHour;

impl Hour {
    /// The hour that an instant lies in.
    pub fn of(instant: Timestamp) -> Self {
        let seconds = instant.as_second();
        let start = Timestamp::from_second(seconds - seconds.rem_euclid(3600));
        Self(start.expect("an instant's hour starts no more than an hour before it"))
    }

    /// Its first instant.
    pub fn start(self) -> Timestamp {
        self.0
    }

    /// The hour that lies `hours` later, earlier where negative; at the ends of time, this one.
    #[must_use]
    pub fn plus(self, hours: i64) -> Self {
        Self(
            self.0
                .checked_add(SignedDuration::from_hours(hours))
                .unwrap_or(self.0),
        )
    }
}

impl fmt::Display for Hour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.strftime("%Y-%m-%dT%H"))
    }
}

impl FromStr for Hour {
    type Err = InvalidHour;
    fn from_str(text: &str) -> Result<Self, InvalidHour> {
        if text.len() != "2026-11-22T09".len() {
            return Err(InvalidHour);
        }
        format!("{text}:00:00Z")
            .parse()
            .map(Self)
            .map_err(|_| InvalidHour)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn platforms_that_nobody_listed_are_other() {
        assert_eq!(Platform::of("Facebook ").as_str(), "facebook");
        assert_eq!(Platform::of("twitter").as_str(), "x");
        assert_eq!(Platform::of("sla#").as_str(), "other");
    }

    #[test]
    fn an_hour_is_written_and_read() {
        let hour = Hour::of("2026-11-22T09:59:59.999Z".parse().unwrap());
        assert_eq!(hour.to_string(), "2026-11-22T09");
        assert_eq!("2026-11-22T09".parse::<Hour>().unwrap(), hour);
        assert_eq!(hour.plus(15).to_string(), "2026-11-23T00");
        assert!("2026-11-22".parse::<Hour>().is_err());
        assert!("2026-11-22T24".parse::<Hour>().is_err());
    }

    proptest! {
        #[test]
        fn every_text_becomes_one_of_the_platforms(text in ".*") {
            prop_assert!(Platform::ALL.contains(&Platform::of(&text)));
        }

        #[test]
        fn every_instant_lies_in_its_hour(second in 0..4_000_000_000_i64) {
            let instant = Timestamp::from_second(second).unwrap();
            let hour = Hour::of(instant);
            prop_assert!(hour.start() <= instant && instant < hour.plus(1).start());
            prop_assert_eq!(hour.to_string().parse::<Hour>().unwrap(), hour);
        }
    }
}
