//! What CloudFormation asks.
//!
//! Format: <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref-requesttypes.html>

use secrets::SecretString;
use serde::Deserialize;
use serde_json::Value;

/// The webhook's name where the resource's properties have none.
pub const DEFAULT_NAME: &str = "social-interaction-ingest";

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum RequestType {
    Create,
    Update,
    Delete,
}

/// A request. It has no `Debug`: whoever knows the address can answer for us.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Request {
    pub request_type: RequestType,
    pub request_id: String,
    #[serde(rename = "ResponseURL")]
    pub response_url: SecretString,
    pub stack_id: String,
    pub logical_resource_id: String,
    /// Absent when the resource is created.
    #[serde(default)]
    pub physical_resource_id: Option<String>,
    /// Read by [`Request::properties`], so that a mistake in them gets an answer too.
    #[serde(default)]
    pub resource_properties: Value,
}

/// The resource's properties.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Properties {
    pub url: String,
    pub name: String,
}

impl Request {
    /// # Errors
    /// Which property is missing or malformed.
    pub fn properties(&self) -> Result<Properties, String> {
        let text = |name: &str| match &self.resource_properties[name] {
            Value::Null => Ok(None),
            Value::String(text) => Ok(Some(text.trim()).filter(|text| !text.is_empty())),
            _ => Err(format!("the property {name} must be text")),
        };
        let url = text("WebhookUrl")?.ok_or("the property WebhookUrl is missing")?;
        let parsed = reqwest::Url::parse(url);
        if !parsed.is_ok_and(|url| matches!(url.scheme(), "http" | "https")) {
            return Err("the property WebhookUrl must be a URL".into());
        }
        Ok(Properties {
            url: url.into(),
            name: text("Name")?.unwrap_or(DEFAULT_NAME).into(),
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn request(properties: &Value) -> Request {
        serde_json::from_value(json!({
            "RequestType": "Create",
            "RequestId": "r",
            "ResponseURL": "http://localhost/answer",
            "StackId": "s",
            "ResourceType": "Custom::WebhookRegistration",
            "LogicalResourceId": "WebhookRegistration",
            "ResourceProperties": properties,
        }))
        .unwrap()
    }

    #[test]
    fn the_name_has_a_default() {
        let properties = request(&json!({"ServiceToken": "arn", "WebhookUrl": "https://a/b"}));
        let expected = Properties {
            url: "https://a/b".into(),
            name: DEFAULT_NAME.into(),
        };
        assert_eq!(properties.properties().unwrap(), expected);
    }

    #[test]
    fn a_mistake_in_the_properties_is_named() {
        for (properties, expected) in [
            (json!({}), "WebhookUrl is missing"),
            (json!(null), "WebhookUrl is missing"),
            (json!({"WebhookUrl": ""}), "WebhookUrl is missing"),
            (json!({"WebhookUrl": "webhook"}), "WebhookUrl must be a URL"),
            (
                json!({"WebhookUrl": "https://a", "Name": []}),
                "Name must be text",
            ),
        ] {
            let reason = request(&properties).properties().unwrap_err();
            assert!(reason.contains(expected), "{reason}");
        }
    }
}
