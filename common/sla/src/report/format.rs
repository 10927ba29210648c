//! Numbers as people read them.

/// A latency with two to three significant digits and its unit: `8.2 ms`, `840 ms`, `2.5 s`,
/// `12 min`, `3.4 h`.
pub fn duration(millis: f64) -> String {
    let (value, unit) = match millis {
        m if m < 999.5 => (m, "ms"),
        m if m < 59_950.0 => (m / 1000.0, "s"),
        m if m < 3_597_000.0 => (m / 60_000.0, "min"),
        m => (m / 3_600_000.0, "h"),
    };
    let decimals = usize::from(value < 9.95);
    let number = format!("{value:.decimals$}");
    format!("{} {unit}", number.strip_suffix(".0").unwrap_or(&number))
}

/// A rate of 0 to 1: `1.3 %`, and `< 0.1 %` rather than a zero that is none.
pub fn percent(rate: f64) -> String {
    let percent = rate * 100.0;
    if rate > 0.0 && percent < 0.1 {
        "< 0.1 %".to_owned()
    } else {
        format!("{percent:.1} %")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latencies_read_naturally_from_milliseconds_to_hours() {
        let cases = [
            (0.0, "0 ms"),
            (1.0, "1 ms"),
            (8.24, "8.2 ms"),
            (840.4, "840 ms"),
            (999.7, "1 s"),
            (2500.0, "2.5 s"),
            (59_960.0, "1 min"),
            (720_000.0, "12 min"),
            (12_240_000.0, "3.4 h"),
        ];
        for (millis, text) in cases {
            assert_eq!(duration(millis), text);
        }
    }

    #[test]
    fn a_small_rate_is_not_shown_as_none() {
        assert_eq!(percent(0.0), "0.0 %");
        assert_eq!(percent(0.000_4), "< 0.1 %");
        assert_eq!(percent(0.0134), "1.3 %");
    }
}
