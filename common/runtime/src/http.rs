//! The HTTP client for calls to CXone, the ticketing system and the social platforms.

use std::time::Duration;

use reqwest::{Certificate, Client, redirect};

/// A client whose calls take `timeout` at most, from connecting to the last byte of the answer.
///
/// It trusts Mozilla's roots as compiled in (the system's store takes ten times as long to load)
/// and follows no redirect: a credential must not travel to another host.
///
/// # Errors
/// When the TLS configuration can't be built.
pub fn client(timeout: Duration) -> reqwest::Result<Client> {
    let roots = webpki_root_certs::TLS_SERVER_ROOT_CERTS
        .iter()
        .map(|der| Certificate::from_der(der))
        .collect::<reqwest::Result<Vec<_>>>()?;
    Client::builder()
        .timeout(timeout)
        .connect_timeout(timeout.min(Duration::from_secs(3)))
        .redirect(redirect::Policy::none())
        .tls_certs_only(roots)
        .build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_compiled_in_roots_make_a_client() {
        client(Duration::from_secs(10)).unwrap();
    }
}
