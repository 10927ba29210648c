//! The page's files, compiled in, and the headers under which everything is answered.

use lambda_http::http::{StatusCode, header};
use lambda_http::{Body, Response};

/// The page runs its own script and style and talks to its own origin, nothing else.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The page. Its links to its own files carry the query that it was asked for with, for what is in
/// front may find the stack by it.
pub fn index(query: Option<&str>) -> Response<Body> {
    let page = include_str!("../assets/index.html");
    match query.filter(|query| !query.is_empty()) {
        None => file("text/html; charset=utf-8", page),
        Some(query) => {
            let query = escaped(query);
            let page = page
                .replace(
                    "simulator/style.css",
                    &format!("simulator/style.css?{query}"),
                )
                .replace("simulator/app.js", &format!("simulator/app.js?{query}"));
            respond(StatusCode::OK, "text/html; charset=utf-8", page)
        }
    }
}

/// For an attribute between double quotes.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('"', "&quot;")
        .replace('<', "&lt;")
}

pub fn script() -> Response<Body> {
    file(
        "text/javascript; charset=utf-8",
        include_str!("../assets/app.js"),
    )
}

pub fn style() -> Response<Body> {
    file(
        "text/css; charset=utf-8",
        include_str!("../assets/style.css"),
    )
}

/// Sends the browser to another path of this origin.
pub fn elsewhere(location: &'static str) -> Response<Body> {
    let mut response = respond(StatusCode::PERMANENT_REDIRECT, "text/plain", "");
    let location = header::HeaderValue::from_static(location);
    response.headers_mut().insert(header::LOCATION, location);
    response
}

fn file(content_type: &str, text: &str) -> Response<Body> {
    respond(StatusCode::OK, content_type, text)
}

/// A response that no one else may keep, frame or run anything in.
pub fn respond(status: StatusCode, content_type: &str, body: impl Into<Body>) -> Response<Body> {
    Response::builder()
        .status(status)
        .header(header::CONTENT_TYPE, content_type)
        .header(header::CACHE_CONTROL, "no-store")
        .header(header::CONTENT_SECURITY_POLICY, POLICY)
        .header(header::X_CONTENT_TYPE_OPTIONS, "nosniff")
        .header(header::REFERRER_POLICY, "no-referrer")
        .body(body.into())
        .expect("the headers are constants of this crate")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pages_links_carry_its_query_and_nothing_that_ends_an_attribute() {
        let page = index(Some("a=1&b=\"><script>"));
        let Body::Text(page) = page.body() else {
            panic!("the page is text")
        };
        assert!(page.contains("href=\"simulator/style.css?a=1&amp;b=&quot;>&lt;script>\""));
        assert!(page.contains("src=\"simulator/app.js?a=1&amp;b=&quot;>&lt;script>\""));
    }
}
