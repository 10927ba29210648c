//! The page's files, compiled in, and the headers under which everything is answered.

use lambda_http::http::{StatusCode, header};
use lambda_http::{Body, Response};

/// The page runs its own script and style and talks to its own origin, nothing else.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

pub fn index() -> Response<Body> {
    file(
        "text/html; charset=utf-8",
        include_str!("../assets/index.html"),
    )
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
