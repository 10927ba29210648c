//! What a function's role allows, as deployed, changed on the running stack.

use serde_json::{Value, json};
use stack::account::Account;

use crate::stack::Stack;

/// One action on one resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    pub action: String,
    /// Its ARN, or a pattern of ARNs.
    pub arn: String,
}

/// The inline policy of a function's role.
pub struct Policy {
    account: Account,
    role: String,
    name: String,
    pub grants: Vec<Grant>,
}

impl Policy {
    /// Reads the one policy of a function's role, which is `RouteRole` where the function is
    /// `RouteFunction`.
    pub async fn read(stack: &Stack, function: &str) -> Self {
        let account = stack.deployment.account.clone();
        let role = stack
            .deployment
            .physical(&function.replace("Function", "Role"))
            .to_owned();
        let listed = iam(&account, "ListRolePolicies", &[("RoleName", &role)]).await;
        assert_eq!(listed.matches("<member>").count(), 1, "{listed}");
        let name = between(&listed, "<member>", "</member>").to_owned();
        let got = [("RoleName", role.as_str()), ("PolicyName", &name)];
        let got = iam(&account, "GetRolePolicy", &got).await;
        let document = between(&got, "<PolicyDocument>", "</PolicyDocument>");
        let grants = grants(&decoded(document));
        Self {
            account,
            role,
            name,
            grants,
        }
    }

    /// Lets the role do what `keep` says of all that it was deployed with, from now on.
    pub async fn put(&self, keep: impl Fn(&Grant) -> bool) {
        let kept = self.grants.iter().filter(|grant| keep(grant));
        let statements: Vec<Value> = kept
            .map(|grant| json!({"Effect": "Allow", "Action": grant.action, "Resource": grant.arn}))
            .collect();
        let document = json!({"Version": "2012-10-17", "Statement": statements}).to_string();
        let put = [
            ("RoleName", self.role.as_str()),
            ("PolicyName", &self.name),
            ("PolicyDocument", &document),
        ];
        iam(&self.account, "PutRolePolicy", &put).await;
    }
}

/// Calls IAM, with the answer's XML.
async fn iam(account: &Account, action: &str, parameters: &[(&str, &str)]) -> String {
    let mut form = vec![("Action", action), ("Version", "2010-05-08")];
    form.extend(parameters);
    let request = reqwest::Client::new().post(&account.endpoint).form(&form);
    let answer = account.authorize(request, "iam").send().await.unwrap();
    let (status, text) = (answer.status(), answer.text().await.unwrap());
    assert!(status.is_success(), "{action}: {text}");
    text
}

fn between<'a>(text: &'a str, start: &str, end: &str) -> &'a str {
    let (_, rest) = text.split_once(start).expect(start);
    rest.split_once(end).expect(end).0
}

/// IAM gives documents percent-encoded.
fn decoded(document: &str) -> Value {
    let url = format!("http://localhost/?document={document}");
    let url = reqwest::Url::parse(&url).unwrap();
    let (_, text) = url.query_pairs().next().unwrap();
    serde_json::from_str(&text).unwrap()
}

fn grants(document: &Value) -> Vec<Grant> {
    let mut grants = Vec::new();
    for statement in document["Statement"].as_array().unwrap() {
        assert_eq!(statement["Effect"], "Allow", "{statement}");
        for action in texts(&statement["Action"]) {
            for arn in texts(&statement["Resource"]) {
                grants.push(Grant {
                    action: action.clone(),
                    arn,
                });
            }
        }
    }
    grants
}

fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::String(one) => vec![one.clone()],
        Value::Array(many) => many.iter().flat_map(texts).collect(),
        other => panic!("{other} is no action or resource"),
    }
}
