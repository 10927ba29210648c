//! The one reader of environment variables.
//!
//! A function reads its settings once, at its cold start. A setting that is missing or malformed
//! stops the cold start with its name; none falls back to a fake.

use std::fmt::Display;
use std::str::FromStr;

/// Why a function can't start. Names the setting, never its value, which may be a secret.
#[derive(Debug, thiserror::Error)]
pub enum SettingError {
    #[error("the setting {0} is missing: set it in the function's environment")]
    Missing(&'static str),
    #[error("the setting {name} is malformed: {reason}")]
    Malformed { name: &'static str, reason: String },
}

/// A setting that must be there and not empty.
pub fn required(name: &'static str) -> Result<String, SettingError> {
    optional(name)?.ok_or(SettingError::Missing(name))
}

/// A setting that may be absent; an empty one counts as absent, since a template can't leave an
/// environment variable out.
#[expect(
    clippy::disallowed_methods,
    reason = "the one home of environment variables"
)]
pub fn optional(name: &'static str) -> Result<Option<String>, SettingError> {
    match std::env::var(name) {
        Ok(value) if value.is_empty() => Ok(None),
        Ok(value) => Ok(Some(value)),
        Err(std::env::VarError::NotPresent) => Ok(None),
        Err(std::env::VarError::NotUnicode(_)) => {
            Err(malformed(name, &"it holds bytes that are not UTF-8"))
        }
    }
}

/// A required setting, read into its type.
pub fn parsed<T>(name: &'static str) -> Result<T, SettingError>
where
    T: FromStr<Err: Display>,
{
    required(name)?.parse().map_err(|e| malformed(name, &e))
}

/// A required number that must lie between `low` and `high`, both included.
pub fn within<T>(name: &'static str, low: T, high: T) -> Result<T, SettingError>
where
    T: FromStr<Err: Display> + PartialOrd + Display + Copy,
{
    let value = parsed::<T>(name)?;
    if value < low || value > high {
        return Err(malformed(
            name,
            &format_args!("it must lie between {low} and {high}"),
        ));
    }
    Ok(value)
}

/// An error for a setting whose value was read but makes no sense.
pub fn malformed(name: &'static str, reason: &dyn Display) -> SettingError {
    SettingError::Malformed {
        name,
        reason: reason.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_setting_is_named() {
        let error = required("NO_SUCH_SETTING").unwrap_err();
        assert!(error.to_string().contains("NO_SUCH_SETTING"));
    }
}
