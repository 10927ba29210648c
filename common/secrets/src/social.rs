//! Which secret a social platform has.

/// Whether a name can be a platform's: 1 to 64 of `a-z 0-9 . _ -`.
pub fn is_platform_name(name: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-".contains(&b);
    (1..=64).contains(&name.len()) && name.bytes().all(allowed)
}

/// The name of the platform's secret under `prefix` (such as `my-stack/social/`), or `None` where
/// the platform's name, which comes from outside, can't be one. Case doesn't matter.
pub fn social_secret(prefix: &str, platform: &str) -> Option<String> {
    let name = platform.to_ascii_lowercase();
    is_platform_name(&name).then(|| format!("{prefix}{name}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_platform_from_outside_never_names_another_secret() {
        assert_eq!(
            social_secret("s/social/", "Facebook").as_deref(),
            Some("s/social/facebook")
        );
        let too_long = "a".repeat(65);
        for platform in [
            "",
            "../SigningSecret",
            "a/b",
            "a b",
            "é",
            "*",
            too_long.as_str(),
        ] {
            assert_eq!(social_secret("s/social/", platform), None, "{platform}");
        }
    }
}
