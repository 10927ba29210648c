//! Claims against secrets: what is proved, what isn't, and what no secret could put right.

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use signature::{
    Claim, HMAC_HEADER, ID_HEADER, MARKER_HEADER, Refusal, SECRET_HEADER, STANDARD_HEADER, Scheme,
    TIMESTAMP_HEADER, TOLERANCE_SECONDS,
};

const SCHEMES: [Scheme; 3] = [Scheme::SecretHeader, Scheme::Hmac, Scheme::StandardWebhooks];
const NOW: Timestamp = Timestamp::constant(1_614_265_330, 0);

type Headers = Vec<(&'static str, String)>;

fn claim(scheme: Scheme, headers: &Headers, now: Timestamp) -> Result<Claim<'_>, Refusal> {
    let header = |name: &str| {
        let found = headers.iter().find(|(n, _)| *n == name);
        found.map(|(_, value)| value.as_bytes())
    };
    scheme.claim(header, now)
}

fn proves(scheme: Scheme, headers: &Headers, secret: &str, body: &[u8]) -> bool {
    claim(scheme, headers, NOW).is_ok_and(|claim| claim.proves(secret, body))
}

fn refusal(scheme: Scheme, headers: &Headers, now: Timestamp) -> Refusal {
    claim(scheme, headers, now)
        .err()
        .expect("the claim is taken")
}

fn set(headers: &mut Headers, name: &str, value: &str) {
    let header = headers.iter_mut().find(|(n, _)| *n == name);
    value.clone_into(&mut header.expect("the header is there").1);
}

#[test]
fn the_published_hmac_vectors_are_proved_and_nothing_near_them() {
    for (body, signature) in [
        (
            r#"{"foo":"bar"}"#,
            "36HN7juP6erwuhrmZelPH58M9xDaNrImKsDNi3u8Bww=",
        ),
        ("", "qXRq3V1/nR82wfT6WyNGQWZYp9ShpuSQfpvGGCZ99LI="),
    ] {
        let marker = (MARKER_HEADER, "true".to_owned());
        let headers = vec![marker, (HMAC_HEADER, signature.to_owned())];
        assert!(proves(Scheme::Hmac, &headers, "random", body.as_bytes()));
        assert!(!proves(Scheme::Hmac, &headers, "Random", body.as_bytes()));
        assert!(!proves(Scheme::Hmac, &headers, "random", b"{}"));
        // The algorithm is pinned: no prefix chooses another.
        for other in [format!("sha256={signature}"), format!("sha1={signature}")] {
            let headers = vec![headers[0].clone(), (HMAC_HEADER, other)];
            assert_eq!(
                refusal(Scheme::Hmac, &headers, NOW),
                Refusal::Malformed(HMAC_HEADER)
            );
        }
    }
}

#[test]
fn the_standard_webhooks_vector_is_proved_with_and_without_the_prefix() {
    let headers = vec![
        (MARKER_HEADER, "true".to_owned()),
        (ID_HEADER, "msg_p5jXN8AQM9LWM0D4loKWxJek".to_owned()),
        (TIMESTAMP_HEADER, "1614265330".to_owned()),
        (
            STANDARD_HEADER,
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=".to_owned(),
        ),
    ];
    let body = br#"{"test": 2432232314}"#;
    for secret in [
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    ] {
        assert!(proves(Scheme::StandardWebhooks, &headers, secret, body));
    }
}

#[test]
fn one_right_signature_among_several_is_enough() {
    let mut headers = Scheme::StandardWebhooks.sign("secret", "msg_1", NOW, b"body");
    let right = headers.last().unwrap().1.clone();
    let wrong = "v1,AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    for (signatures, proved) in [
        (format!("{wrong} {right}"), true),
        (format!("{right} {wrong}"), true),
        (format!("v1a,{wrong} v2,x v1,??? {right}"), true),
        (wrong.to_owned(), false),
        (right.replace("v1,", "v2,"), false),
        (right.replace("v1,", ""), false),
        (right.replace("v1,", "v1, "), false),
        (String::new(), false),
    ] {
        set(&mut headers, STANDARD_HEADER, &signatures);
        let is_proved = proves(Scheme::StandardWebhooks, &headers, "secret", b"body");
        assert_eq!(is_proved, proved, "{signatures}");
    }
}

#[test]
fn a_timestamp_may_lie_300_seconds_off_either_way_and_not_one_more() {
    let headers = Scheme::StandardWebhooks.sign("secret", "msg_1", NOW, b"body");
    let tolerance = i64::try_from(TOLERANCE_SECONDS).unwrap();
    for off in [-tolerance, -1, 0, 1, tolerance] {
        let now = NOW + SignedDuration::from_secs(off);
        assert!(
            claim(Scheme::StandardWebhooks, &headers, now).is_ok(),
            "{off}"
        );
    }
    for off in [-tolerance - 1, tolerance + 1, -1_000_000_000, 1_000_000_000] {
        let now = NOW + SignedDuration::from_secs(off);
        let refusal = refusal(Scheme::StandardWebhooks, &headers, now);
        assert_eq!(refusal, Refusal::OutsideTolerance, "{off}");
    }
}

#[test]
fn a_timestamp_is_decimal_digits_and_nothing_else() {
    let mut headers = Scheme::StandardWebhooks.sign("secret", "msg_1", NOW, b"body");
    for malformed in [
        "",
        "+1614265330",
        " 1614265330",
        "1614265330.0",
        "-1",
        "99999999999999999999",
    ] {
        set(&mut headers, TIMESTAMP_HEADER, malformed);
        let refusal = refusal(Scheme::StandardWebhooks, &headers, NOW);
        assert_eq!(refusal, Refusal::Malformed(TIMESTAMP_HEADER), "{malformed}");
    }
}

#[test]
fn each_missing_header_is_named_and_the_marker_comes_first() {
    for scheme in SCHEMES {
        let headers = scheme.sign("secret", "msg_1", NOW, b"body");
        for missing in 0..headers.len() {
            let mut fewer = headers.clone();
            let (name, _) = fewer.remove(missing);
            let expected = match name {
                MARKER_HEADER => Refusal::NoMarker,
                name => Refusal::Missing(name),
            };
            assert_eq!(refusal(scheme, &fewer, NOW), expected);
        }
        assert_eq!(refusal(scheme, &Vec::new(), NOW), Refusal::NoMarker);
    }
}

#[test]
fn a_secret_header_must_be_the_whole_secret() {
    let mut headers = Scheme::SecretHeader.sign("secret", "", NOW, b"");
    for other in [
        "",
        "secre",
        "secrets",
        "Secret",
        "secret ",
        "secret, secret",
    ] {
        set(&mut headers, SECRET_HEADER, other);
        assert!(
            !proves(Scheme::SecretHeader, &headers, "secret", b""),
            "{other}"
        );
    }
}

#[test]
fn an_empty_key_proves_nothing() {
    for scheme in SCHEMES {
        for empty in ["", "whsec_"] {
            let headers = scheme.sign(empty, "msg_1", NOW, b"body");
            let empty_key = empty.is_empty() || scheme == Scheme::StandardWebhooks;
            assert_eq!(
                proves(scheme, &headers, empty, b"body"),
                !empty_key,
                "{scheme:?}"
            );
        }
    }
}

#[test]
fn the_id_is_covered_where_it_is_signed_or_comes_with_the_secret() {
    assert!(Scheme::SecretHeader.covers_id());
    assert!(Scheme::StandardWebhooks.covers_id());
    assert!(!Scheme::Hmac.covers_id());
}

proptest! {
    #[test]
    fn what_is_signed_is_proved_by_its_secret_and_by_no_other(
        body in proptest::collection::vec(any::<u8>(), 0..200),
        secret in "[ -~]{1,64}",
        other in "[ -~]{1,64}",
    ) {
        prop_assume!(signature::standard_key(&secret) != signature::standard_key(&other));
        for scheme in SCHEMES {
            let headers = scheme.sign(&secret, "msg_1", NOW, &body);
            prop_assert!(proves(scheme, &headers, &secret, &body));
            prop_assert!(!proves(scheme, &headers, &other, &body));
        }
    }

    #[test]
    fn any_headers_are_read_without_panic(
        values in proptest::collection::vec(proptest::option::of("[ -~]{0,80}"), 6),
        seconds in any::<i32>(),
    ) {
        let names =
            [MARKER_HEADER, SECRET_HEADER, HMAC_HEADER, ID_HEADER, TIMESTAMP_HEADER, STANDARD_HEADER];
        let headers: Headers =
            names.into_iter().zip(values).filter_map(|(n, v)| Some((n, v?))).collect();
        let now = Timestamp::from_second(i64::from(seconds)).unwrap();
        for scheme in SCHEMES {
            let proved = claim(scheme, &headers, now).is_ok_and(|c| c.proves("a secret", b"body"));
            prop_assert!(!proved);
        }
    }
}
