//! Whether each function needs all that its role allows. A grant is one action on one resource.
//!
//! [`PROVED`] holds the grants that a test takes away, one at a time, to find them missing;
//! [`UNPROVED`] those that the emulator doesn't check. Together they are all that the template
//! grants, which a test holds them to, and `docs/least-privilege.md` to both.

use std::fmt::Write as _;

/// What makes a function need a grant, on a running stack. The function's processes are new, so
/// that nothing is left in a cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// A webhook, all its way.
    Webhook,
    /// The same, after CXone has forgotten every token.
    WebhookWithoutToken,
    /// The same, whose first call of this endpoint fails.
    FailedCall(&'static str),
    /// A dead letter of this stage.
    DeadLetter(&'static str),
    /// A dead letter of this stage that isn't due yet.
    EarlyDeadLetter(&'static str),
    /// A dead letter that can't be read.
    BrokenDeadLetter,
    /// The rotation of this token, or of all.
    Rotation(Option<&'static str>),
    /// CloudFormation's call, as a stack is updated.
    Registration,
    /// A request to this path of the simulator.
    Simulator(&'static str),
}

impl Need {
    fn sentence(self) -> String {
        match self {
            Self::Webhook => "a webhook, all its way".to_owned(),
            Self::WebhookWithoutToken => {
                "a webhook, after CXone has forgotten every token".to_owned()
            }
            Self::FailedCall(endpoint) => {
                format!("a webhook whose first call of `{endpoint}` fails")
            }
            Self::DeadLetter(stage) => format!("a dead letter of {stage}"),
            Self::EarlyDeadLetter(stage) => format!("a dead letter of {stage} that isn't due yet"),
            Self::BrokenDeadLetter => "a dead letter that can't be read".to_owned(),
            Self::Rotation(None) => "a scheduled rotation".to_owned(),
            Self::Rotation(Some(token)) => format!("a forced rotation of `{token}`"),
            Self::Registration => "CloudFormation's update of the registration".to_owned(),
            Self::Simulator(path) => format!("the simulator's `{path}`"),
        }
    }
}

/// Actions with the resource that each is on and what needs it.
type Proofs = &'static [(&'static str, &'static str, Need)];

/// By function, without the word Function. A resource is its logical id, with what follows it in
/// the ARN; `social/*` are the platforms' secrets.
pub const PROVED: [(&str, Proofs); 8] = [
    (
        "Ingest",
        &[
            ("sqs:SendMessage", "RoutingQueue", Need::Webhook),
            (
                "secretsmanager:GetSecretValue",
                "SigningSecret",
                Need::Webhook,
            ),
        ],
    ),
    (
        "Route",
        &[
            (
                "sqs:ChangeMessageVisibilityBatch",
                "RoutingQueue",
                Need::FailedCall("cxone.tasks"),
            ),
            ("sqs:SendMessageBatch", "TicketingQueue", Need::Webhook),
            ("dynamodb:BatchGetItem", "LedgerTable", Need::Webhook),
            ("dynamodb:UpdateItem", "LedgerTable", Need::Webhook),
            (
                "secretsmanager:GetSecretValue",
                "CxoneClientCredentials",
                Need::WebhookWithoutToken,
            ),
            (
                "secretsmanager:GetSecretValue",
                "CxoneAccessToken",
                Need::Webhook,
            ),
            (
                "secretsmanager:PutSecretValue",
                "CxoneAccessToken",
                Need::WebhookWithoutToken,
            ),
            ("secretsmanager:DescribeSecret", "social/*", Need::Webhook),
            ("ssm:GetParameter", "RulesParameter", Need::Webhook),
        ],
    ),
    (
        "TicketSync",
        &[
            (
                "secretsmanager:GetSecretValue",
                "TicketingCredential",
                Need::Webhook,
            ),
            (
                "sqs:ChangeMessageVisibilityBatch",
                "TicketingQueue",
                Need::FailedCall("ticketing.sync"),
            ),
            ("dynamodb:BatchGetItem", "LedgerTable", Need::Webhook),
            ("dynamodb:UpdateItem", "LedgerTable", Need::Webhook),
            ("dynamodb:Query", "LedgerTable/index/thread", Need::Webhook),
        ],
    ),
    (
        "Redrive",
        &[
            (
                "sqs:ChangeMessageVisibilityBatch",
                "RoutingDeadLetterQueue",
                Need::EarlyDeadLetter("routing"),
            ),
            (
                "sqs:ChangeMessageVisibilityBatch",
                "TicketingDeadLetterQueue",
                Need::EarlyDeadLetter("ticketing"),
            ),
            (
                "sqs:SendMessageBatch",
                "RoutingQueue",
                Need::DeadLetter("routing"),
            ),
            (
                "sqs:SendMessageBatch",
                "TicketingQueue",
                Need::DeadLetter("ticketing"),
            ),
            (
                "dynamodb:BatchGetItem",
                "LedgerTable",
                Need::DeadLetter("routing"),
            ),
            ("dynamodb:UpdateItem", "LedgerTable", Need::BrokenDeadLetter),
        ],
    ),
    (
        "RotateTokens",
        &[
            ("dynamodb:Query", "LedgerTable", Need::Rotation(None)),
            (
                "dynamodb:UpdateItem",
                "LedgerTable",
                Need::Rotation(Some("cxone")),
            ),
            (
                "secretsmanager:GetSecretValue",
                "CxoneClientCredentials",
                Need::Rotation(Some("cxone")),
            ),
            (
                "secretsmanager:GetSecretValue",
                "CxoneAccessToken",
                Need::Rotation(Some("cxone")),
            ),
            (
                "secretsmanager:GetSecretValue",
                "SigningSecret",
                Need::Rotation(Some("signing-secret")),
            ),
            (
                "secretsmanager:GetSecretValue",
                "social/*",
                Need::Rotation(Some("facebook")),
            ),
            (
                "secretsmanager:PutSecretValue",
                "CxoneAccessToken",
                Need::Rotation(Some("cxone")),
            ),
            (
                "secretsmanager:PutSecretValue",
                "SigningSecret",
                Need::Rotation(Some("signing-secret")),
            ),
            (
                "secretsmanager:PutSecretValue",
                "social/*",
                Need::Rotation(Some("facebook")),
            ),
            (
                "secretsmanager:UpdateSecretVersionStage",
                "CxoneAccessToken",
                Need::Rotation(Some("cxone")),
            ),
            (
                "secretsmanager:UpdateSecretVersionStage",
                "SigningSecret",
                Need::Rotation(Some("signing-secret")),
            ),
            (
                "secretsmanager:UpdateSecretVersionStage",
                "social/*",
                Need::Rotation(Some("facebook")),
            ),
        ],
    ),
    (
        "CountSla",
        &[("dynamodb:UpdateItem", "LedgerTable", Need::Webhook)],
    ),
    (
        "RegisterWebhook",
        &[
            (
                "secretsmanager:GetSecretValue",
                "CxoneClientCredentials",
                Need::Registration,
            ),
            (
                "secretsmanager:GetSecretValue",
                "SigningSecret",
                Need::Registration,
            ),
        ],
    ),
    (
        "Simulator",
        &[
            (
                "secretsmanager:GetSecretValue",
                "SigningSecret",
                Need::Simulator("/send"),
            ),
            (
                "secretsmanager:GetSecretValue",
                "SimulatorKey",
                Need::Simulator("/status"),
            ),
            (
                "dynamodb:BatchGetItem",
                "LedgerTable",
                Need::Simulator("/status"),
            ),
            ("dynamodb:Query", "LedgerTable", Need::Simulator("/status")),
            (
                "dynamodb:Query",
                "LedgerTable/index/parked",
                Need::Simulator("/status"),
            ),
            (
                "sqs:GetQueueAttributes",
                "RoutingQueue",
                Need::Simulator("/status"),
            ),
            (
                "sqs:GetQueueAttributes",
                "RoutingDeadLetterQueue",
                Need::Simulator("/status"),
            ),
            (
                "sqs:GetQueueAttributes",
                "TicketingQueue",
                Need::Simulator("/status"),
            ),
            (
                "sqs:GetQueueAttributes",
                "TicketingDeadLetterQueue",
                Need::Simulator("/status"),
            ),
            (
                "ssm:GetParameter",
                "RulesParameter",
                Need::Simulator("/preview"),
            ),
        ],
    ),
];

/// Grants that can't be proved on the emulator.
pub struct Unproved {
    /// Without the word Function.
    pub functions: &'static [&'static str],
    pub actions: &'static [&'static str],
    /// Why AWS asks for them and why the emulator doesn't.
    pub reason: &'static str,
    /// Where AWS says so.
    pub source: &'static str,
}

const ALL: &[&str] = &[
    "Ingest",
    "Route",
    "TicketSync",
    "Redrive",
    "RotateTokens",
    "CountSla",
    "RegisterWebhook",
    "Simulator",
];

pub const UNPROVED: [Unproved; 8] = [
    Unproved {
        functions: ALL,
        actions: &["logs:CreateLogStream", "logs:PutLogEvents"],
        reason: "Lambda writes a function's log under the function's role. The emulator writes it as itself.",
        source: "https://docs.aws.amazon.com/lambda/latest/dg/lambda-intro-execution-role.html",
    },
    Unproved {
        functions: ALL,
        actions: &["xray:PutTraceSegments", "xray:PutTelemetryRecords"],
        reason: "Only with `Tracing=on`: Lambda refuses a function with active tracing whose role lacks them. The emulator has no X-Ray. X-Ray's actions take no resource.",
        source: "https://docs.aws.amazon.com/lambda/latest/dg/services-xray.html",
    },
    Unproved {
        functions: &["Route", "TicketSync", "Redrive"],
        actions: &[
            "sqs:ReceiveMessage",
            "sqs:DeleteMessage",
            "sqs:GetQueueAttributes",
        ],
        reason: "Lambda's poller works under the function's role. The emulator's poller works as itself.",
        source: "https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html",
    },
    Unproved {
        functions: &["Route", "TicketSync", "Redrive"],
        actions: &["sqs:ChangeMessageVisibility"],
        reason: "AWS checks a batch under the name of its single action, and knows no permission of the batch's name. The emulator asks for the batch's own name: `sqs:ChangeMessageVisibilityBatch` is there for it, and proved in its place.",
        source: "https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-batch-api.html",
    },
    Unproved {
        functions: &["Route", "Redrive"],
        actions: &["sqs:SendMessage"],
        reason: "The same, with `sqs:SendMessageBatch`.",
        source: "https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-batch-api.html",
    },
    Unproved {
        functions: &["CountSla"],
        actions: &[
            "dynamodb:DescribeStream",
            "dynamodb:GetRecords",
            "dynamodb:GetShardIterator",
            "dynamodb:ListStreams",
        ],
        reason: "Lambda's poller works under the function's role. The emulator's poller works as itself.",
        source: "https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/iam-policy-example-lamda-process-dynamodb-streams.html",
    },
    Unproved {
        functions: &["CountSla"],
        actions: &["sns:Publish"],
        reason: "Lambda tells the alarms' topic of records that it gives up, under the function's role. The emulator tells it as itself.",
        source: "https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-errors.html",
    },
    Unproved {
        functions: &["CountSla"],
        actions: &["kms:Decrypt", "kms:GenerateDataKey"],
        reason: "The topic is encrypted under a key of its own, which who publishes must be allowed to use. The emulator encrypts nothing.",
        source: "https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-errors.html",
    },
];

/// The proofs of a function's grants.
///
/// # Panics
/// Where no function has that name.
pub fn proofs(function: &str) -> Proofs {
    let found = PROVED.iter().find(|(name, _)| *name == function);
    found.unwrap_or_else(|| panic!("no function {function}")).1
}

/// What proves a grant, if anything does.
pub fn proof(function: &str, action: &str, resource: &str) -> Option<Need> {
    let found = proofs(function)
        .iter()
        .find(|(a, r, _)| (*a, *r) == (action, resource));
    found.map(|(.., need)| *need)
}

/// Whether a function's action is one that the emulator doesn't check.
pub fn is_unproved(function: &str, action: &str) -> bool {
    UNPROVED
        .iter()
        .any(|entry| entry.functions.contains(&function) && entry.actions.contains(&action))
}

/// Both tables, as `docs/least-privilege.md` has them.
pub fn tables() -> [String; 2] {
    let mut proved = "| function | action | on | needed by |\n|---|---|---|---|\n".to_owned();
    for (function, proofs) in PROVED {
        for (action, resource, need) in proofs {
            let need = need.sentence();
            let _ = writeln!(
                proved,
                "| {function} | `{action}` | `{resource}` | {need} |"
            );
        }
    }
    let mut unproved = "| functions | actions | reason | source |\n|---|---|---|---|\n".to_owned();
    for entry in &UNPROVED {
        let functions = match entry.functions {
            ALL => "all".to_owned(),
            some => some.join(", "),
        };
        let actions: Vec<_> = entry.actions.iter().map(|a| format!("`{a}`")).collect();
        let (actions, reason, source) = (actions.join(", "), entry.reason, entry.source);
        let _ = writeln!(
            unproved,
            "| {functions} | {actions} | {reason} | [AWS]({source}) |"
        );
    }
    [proved, unproved]
}
