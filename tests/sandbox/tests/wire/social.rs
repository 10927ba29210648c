use sandbox::SocialToken;
use serde_json::{Value, json};

use crate::{Setting, json_of, status_of};

pub fn first_token(token: &str) -> SocialToken {
    SocialToken {
        access_token: token.to_owned(),
        refresh_token: None,
        expires_in_seconds: 3600,
        age_seconds: 2 * 86_400,
        single_use: false,
    }
}

async fn rotate(setting: &Setting, platform: &str, token: &Value, status: u16) -> Value {
    let body = json!({"grant_type": "token_rotation", "current_token": token});
    json_of(
        setting
            .post(&format!("/social/{platform}/rotate"))
            .json(&body)
            .send()
            .await
            .unwrap(),
        status,
    )
    .await
}

#[tokio::test]
async fn a_rotation_gives_a_new_token_with_its_end() {
    let setting = Setting::start().await;
    setting
        .sandbox
        .register_social("tiktok", first_token("first"));
    let rotated = rotate(&setting, "tiktok", &json!("first"), 200).await;
    assert!(rotated["expires_at"].as_str().unwrap().ends_with('Z'));
    let token = rotated["access_token"].as_str().unwrap();
    assert!(setting.sandbox.social_token_works("tiktok", token));
    assert!(!setting.sandbox.social_token_works("facebook", token));
    assert!(setting.sandbox.issued_tokens().contains(&token.to_owned()));
    assert_eq!(setting.sandbox.summary().social["tiktok"].rotations, 1);
}

#[tokio::test]
async fn an_unknown_an_expired_and_a_revoked_token_are_not_rotated() {
    let setting = Setting::start().await;
    rotate(&setting, "tiktok", &json!("unknown"), 401).await;
    setting.sandbox.register_social(
        "tiktok",
        SocialToken {
            expires_in_seconds: 0,
            ..first_token("old")
        },
    );
    let expired = rotate(&setting, "tiktok", &json!("old"), 401).await;
    assert_eq!(expired["error"], "invalid_token");
    setting
        .sandbox
        .register_social("tiktok", first_token("revoked"));
    setting.sandbox.revoke_social("tiktok");
    rotate(&setting, "tiktok", &json!("revoked"), 401).await;
}

#[tokio::test]
async fn a_single_use_token_is_dead_after_its_rotation_and_a_reuse_kills_the_family() {
    let setting = Setting::start().await;
    setting.sandbox.register_social(
        "tiktok",
        SocialToken {
            single_use: true,
            ..first_token("first")
        },
    );
    let second = rotate(&setting, "tiktok", &json!("first"), 200).await["access_token"].clone();
    assert!(
        setting
            .sandbox
            .social_token_works("tiktok", second.as_str().unwrap())
    );
    rotate(&setting, "tiktok", &json!("first"), 401).await;
    assert!(
        !setting
            .sandbox
            .social_token_works("tiktok", second.as_str().unwrap())
    );
    assert_eq!(setting.sandbox.summary().social["tiktok"].reuses, 1);
}

fn exchange(token: &str, secret: &str) -> String {
    format!(
        "/v23.0/oauth/access_token?grant_type=fb_exchange_token&client_id=sandbox-app\
         &client_secret={secret}&fb_exchange_token={token}"
    )
}

#[tokio::test]
async fn facebook_exchanges_a_living_token_for_sixty_days() {
    let setting = Setting::start().await;
    setting
        .sandbox
        .register_social("facebook", first_token("first"));
    let exchanged = setting
        .get(&exchange("first", "sandbox-app-secret"))
        .send()
        .await
        .unwrap();
    let exchanged = json_of(exchanged, 200).await;
    assert_eq!(
        (&exchanged["expires_in"], &exchanged["token_type"]),
        (&json!(60 * 86_400), &json!("bearer"))
    );
    assert!(
        setting
            .sandbox
            .social_token_works("facebook", exchanged["access_token"].as_str().unwrap())
    );
    // The old one lives on until its own end, so a lost answer does no harm.
    assert_eq!(
        status_of(setting.get(&exchange("first", "sandbox-app-secret"))).await,
        200
    );
}

#[tokio::test]
async fn facebook_tells_its_errors_by_code_and_subcode() {
    let setting = Setting::start().await;
    setting.sandbox.register_social(
        "facebook",
        SocialToken {
            expires_in_seconds: 0,
            ..first_token("expired")
        },
    );
    let error = async |path: String| {
        json_of(setting.get(&path).send().await.unwrap(), 400).await["error"].clone()
    };
    let expired = error(exchange("expired", "sandbox-app-secret")).await;
    assert_eq!(
        (&expired["code"], &expired["error_subcode"]),
        (&json!(190), &json!(463))
    );
    assert_eq!(expired["type"], "OAuthException");
    assert!(expired["fbtrace_id"].is_string());
    let unknown = error(exchange("unknown", "sandbox-app-secret")).await;
    assert_eq!(
        (&unknown["code"], unknown.get("error_subcode")),
        (&json!(190), None)
    );
    assert_eq!(error(exchange("expired", "wrong")).await["code"], 1);
    setting
        .sandbox
        .register_social("facebook", first_token("revoked"));
    setting.sandbox.revoke_social("facebook");
    assert_eq!(
        error(exchange("revoked", "sandbox-app-secret")).await["error_subcode"],
        460
    );
}

#[tokio::test]
async fn instagram_refreshes_a_token_that_is_a_day_old() {
    let setting = Setting::start().await;
    setting
        .sandbox
        .register_social("instagram", first_token("first"));
    let refresh = |token: &str| {
        format!("/refresh_access_token?grant_type=ig_refresh_token&access_token={token}")
    };
    let refreshed = json_of(setting.get(&refresh("first")).send().await.unwrap(), 200).await;
    let second = refreshed["access_token"].as_str().unwrap();
    assert_eq!(status_of(setting.get(&refresh(second))).await, 400);
    setting
        .sandbox
        .configure(|settings| settings.instagram_min_age_seconds = 0);
    assert_eq!(status_of(setting.get(&refresh(second))).await, 200);
    let wrong = "/refresh_access_token?grant_type=fb_exchange_token&access_token=first";
    assert_eq!(status_of(setting.get(wrong)).await, 400);
}

async fn refresh_x(setting: &Setting, token: &str, status: u16) -> Value {
    let request = setting
        .post("/2/oauth2/token")
        .basic_auth("sandbox-app", Some("sandbox-app-secret"));
    let request = request.header("content-type", "application/x-www-form-urlencoded");
    let request = request.body(format!("grant_type=refresh_token&refresh_token={token}"));
    json_of(request.send().await.unwrap(), status).await
}

#[tokio::test]
async fn x_gives_a_new_refresh_token_each_time_and_a_reuse_kills_the_family() {
    let setting = Setting::start().await;
    let first = SocialToken {
        refresh_token: Some("refresh-1".into()),
        ..first_token("access-1")
    };
    setting.sandbox.register_social("x", first);
    let second = refresh_x(&setting, "refresh-1", 200).await;
    assert_eq!(second["expires_in"], 7200);
    let third = refresh_x(&setting, second["refresh_token"].as_str().unwrap(), 200).await;
    let refused = refresh_x(&setting, "refresh-1", 400).await;
    assert_eq!(refused["error"], "invalid_request");
    refresh_x(&setting, third["refresh_token"].as_str().unwrap(), 400).await;
    assert!(
        !setting
            .sandbox
            .social_token_works("x", third["access_token"].as_str().unwrap())
    );
    assert_eq!(setting.sandbox.summary().social["x"].reuses, 1);
}

#[tokio::test]
async fn x_wants_the_client_and_a_form() {
    let setting = Setting::start().await;
    let wrong = setting
        .post("/2/oauth2/token")
        .basic_auth("sandbox-app", Some("wrong"))
        .body("");
    assert_eq!(
        json_of(wrong.send().await.unwrap(), 401).await["error"],
        "unauthorized_client"
    );
    let json = setting
        .post("/2/oauth2/token")
        .basic_auth("sandbox-app", Some("sandbox-app-secret"));
    assert_eq!(
        status_of(json.json(&json!({"grant_type": "refresh_token"}))).await,
        400
    );
}

#[tokio::test]
async fn the_life_of_new_tokens_can_be_set() {
    let setting = Setting::start().await;
    setting.sandbox.configure(|settings| {
        settings.social_ttl_seconds.insert("facebook".into(), 5);
    });
    setting
        .sandbox
        .register_social("facebook", first_token("first"));
    let exchanged = setting
        .get(&exchange("first", "sandbox-app-secret"))
        .send()
        .await
        .unwrap();
    assert_eq!(json_of(exchanged, 200).await["expires_in"], 5);
}
