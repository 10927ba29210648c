//! Who may use the simulator: HTTP Basic with the key as password; the user name doesn't matter.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

/// Whether an `Authorization` header's value carries the key.
pub fn allowed(header: Option<&str>, key: &SecretString) -> bool {
    let Some(password) = header.and_then(password) else {
        return false;
    };
    // Digests are of one length, so that the comparison tells nothing of the key's.
    let given = Sha256::digest(password);
    let expected = Sha256::digest(key.expose_secret());
    !key.expose_secret().is_empty() && bool::from(given.ct_eq(&expected))
}

fn password(header: &str) -> Option<Vec<u8>> {
    let (scheme, credentials) = header.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = STANDARD.decode(credentials.trim()).ok()?;
    let colon = decoded.iter().position(|b| *b == b':')?;
    Some(decoded[colon + 1..].to_vec())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn basic(user: &str, password: &str) -> String {
        format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
    }

    #[test]
    fn the_key_opens_whatever_the_user_name() {
        let key = SecretString::from("k3y:with-colon");
        for user in ["", "simulator", "anyone"] {
            assert!(allowed(Some(&basic(user, "k3y:with-colon")), &key));
        }
    }

    #[test]
    fn no_header_another_scheme_or_an_empty_key_does_not_open() {
        let key = SecretString::from("key");
        assert!(!allowed(None, &key));
        assert!(!allowed(Some("Bearer key"), &key));
        assert!(!allowed(Some("Basic !!!"), &key));
        assert!(!allowed(Some(&basic("", "")), &SecretString::from("")));
    }

    proptest! {
        #[test]
        fn nothing_but_the_key_opens(password in ".*", header in ".*") {
            let key = SecretString::from("the one key that opens");
            prop_assume!(password != "the one key that opens");
            prop_assert!(!allowed(Some(&basic("u", &password)), &key));
            prop_assert!(!allowed(Some(&header), &key));
        }
    }
}
