//! The trace that a message carries on, as W3C Trace Context writes it:
//! <https://www.w3.org/TR/trace-context/#traceparent-header>

use sha2::{Digest as _, Sha256};

/// The sender's trace, else Lambda's own (X-Ray), else one made of the invocation's id.
pub fn traceparent(sent: Option<&str>, xray: Option<&str>, request_id: &str) -> String {
    sent.filter(|text| is_valid(text))
        .map(str::to_owned)
        .or_else(|| from_xray(xray?))
        .unwrap_or_else(|| from_request_id(request_id))
}

/// `00-<32 hex digits>-<16 hex digits>-<2 hex digits>`, in lower case, ids not all zero.
fn is_valid(text: &str) -> bool {
    let hex = |part: &str, digits: usize| {
        part.len() == digits && part.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
    };
    let id = |part: &str, digits| hex(part, digits) && part.bytes().any(|b| b != b'0');
    match text.split('-').collect::<Vec<_>>()[..] {
        ["00", trace, parent, flags] => id(trace, 32) && id(parent, 16) && hex(flags, 2),
        _ => false,
    }
}

/// From `Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1`:
/// <https://docs.aws.amazon.com/xray/latest/devguide/xray-concepts.html#xray-concepts-tracingheader>
fn from_xray(header: &str) -> Option<String> {
    let field = |name: &str| {
        let fields = header.split(';').map(str::trim);
        fields
            .filter_map(|f| f.split_once('='))
            .find(|(n, _)| *n == name)
    };
    let root = field("Root")?.1.strip_prefix("1-")?.replace('-', "");
    let parent = field("Parent")?.1;
    let sampled = matches!(field("Sampled"), Some((_, "1")));
    let text = format!("00-{root}-{parent}-0{}", u8::from(sampled));
    is_valid(&text).then_some(text)
}

fn from_request_id(request_id: &str) -> String {
    let digest = Sha256::digest(request_id);
    let hex = |bytes: &[u8]| {
        bytes
            .iter()
            .fold(String::new(), |hex, b| format!("{hex}{b:02x}"))
    };
    format!("00-{}-{}-00", hex(&digest[..16]), hex(&digest[16..24]))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    const XRAY: &str = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1";

    #[test]
    fn the_senders_trace_is_carried_on() {
        assert_eq!(traceparent(Some(SENT), Some(XRAY), "id"), SENT);
    }

    #[test]
    fn lambdas_own_trace_comes_next() {
        let ours = "00-5759e988bd862e3fe1be46a994272793-53995c3f42cd8ad8-01";
        assert_eq!(traceparent(None, Some(XRAY), "id"), ours);
        let unsampled = XRAY.replace("Sampled=1", "Sampled=0;Lineage=1:a:0");
        assert!(traceparent(None, Some(&unsampled), "id").ends_with("-00"));
    }

    #[test]
    fn what_is_no_trace_is_passed_over() {
        for sent in [
            "",
            "00",
            "no trace at all",
            &SENT.to_uppercase(),
            &SENT.replace("00-4b", "01-4b"),
            &SENT.replace("4bf92f3577b34da6a3ce929d0e0e4736", &"0".repeat(32)),
            &SENT.replace("00f067aa0ba902b7", &"0".repeat(16)),
            &format!("{SENT}-more"),
            &format!("{SENT} "),
        ] {
            for xray in [
                None,
                Some(""),
                Some("Root=1-x-y"),
                Some("Root=1-1-2;Parent=3"),
                Some(sent),
            ] {
                let made = traceparent(Some(sent), xray, "an invocation");
                assert!(is_valid(&made), "{made}");
                assert_eq!(
                    made,
                    traceparent(None, None, "an invocation"),
                    "{sent} {xray:?}"
                );
            }
        }
    }
}
