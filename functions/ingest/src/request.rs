//! What can be said of a request before anyone asks who sent it.

use std::borrow::Cow;

use aws_lambda_events::apigw::ApiGatewayV2httpRequest;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderMap, Method};

use crate::problem::Problem;

/// The body's raw bytes, if method, content type and size are as they should be.
///
/// # Errors
/// 405, 415 and 413, in this order.
pub fn body(request: &ApiGatewayV2httpRequest, max_bytes: usize) -> Result<Cow<'_, [u8]>, Problem> {
    if request.request_context.http.method != Method::POST {
        return Err(Problem::MethodNotAllowed);
    }
    if !is_plain_json(&request.headers) {
        return Err(Problem::UnsupportedMediaType);
    }
    let body = request.body.as_deref().unwrap_or_default();
    let body = if request.is_base64_encoded {
        // What is far too large is not decoded first.
        if body.len() / 4 > max_bytes.div_ceil(3) {
            return Err(Problem::TooLarge { max_bytes });
        }
        Cow::Owned(STANDARD.decode(body).map_err(|_| Problem::NotBase64)?)
    } else {
        Cow::Borrowed(body.as_bytes())
    };
    if body.len() > max_bytes {
        return Err(Problem::TooLarge { max_bytes });
    }
    Ok(body)
}

/// `application/json`, in UTF-8 where a charset is given, and not compressed.
fn is_plain_json(headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    let identity = |coding: &str| coding.trim().eq_ignore_ascii_case("identity");
    if !text(CONTENT_ENCODING).is_none_or(identity) {
        return false;
    }
    let Some(content_type) = text(CONTENT_TYPE) else {
        return false;
    };
    let mut parts = content_type.split(';').map(str::trim);
    let media_type = parts.next().unwrap_or_default();
    media_type.eq_ignore_ascii_case("application/json")
        && parts.all(|parameter| match parameter.split_once('=') {
            Some((name, charset)) if name.trim().eq_ignore_ascii_case("charset") => {
                let charset = charset.trim().trim_matches('"');
                charset.eq_ignore_ascii_case("utf-8") || charset.eq_ignore_ascii_case("utf8")
            }
            // Other parameters mean nothing to JSON.
            _ => true,
        })
}
