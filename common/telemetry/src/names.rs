//! The catalogue of metrics: 27 at most, at 0.30 dollars a metric and month where it has data.
//!
//! One line a batch or run, never one an interaction, and none where nothing went wrong: a line is
//! some 220 bytes. What finished is counted by `count-sla`, a minute's at a time. The webhook's
//! counts, errors and latency come from API Gateway, queues' depths and ages from SQS, errors,
//! throttles and durations from Lambda, all free of charge; nothing here repeats them. Platforms
//! are no dimension: the SLA report has them, from DynamoDB.

/// The default namespace; the setting `METRICS_NAMESPACE` overrides it, so that two stacks in one
/// account don't mix.
pub const NAMESPACE: &str = "CxoneSocial";

/// Dimension of `delivery`'s and `redrive`'s metrics: [`ROUTING`] or [`TICKETING`].
pub const STAGE: &str = "Stage";
pub const ROUTING: &str = "routing";
pub const TICKETING: &str = "ticketing";

/// Dimension of `count-sla`'s metrics: `ingest`, `social_routing` or `ticket_sync`.
pub const OPERATION: &str = "Operation";

/// Milliseconds that customers waited, a value an interaction. From `count-sla`, by [`OPERATION`].
pub const LATENCY: &str = "Latency";
/// 0 or 1 an interaction: over the threshold or not. Its average is the breach rate, its sum the
/// breaches, its sample count the interactions. From `count-sla`, by [`OPERATION`].
pub const BREACH: &str = "Breach";
/// Operations that finished and whose ledger item lacks what it takes to count them. From
/// `count-sla`, no dimension.
pub const UNCOUNTED: &str = "Uncounted";

/// Calls that failed and will be tried again (`WAITING`). From `delivery`, by [`STAGE`].
pub const RETRIES: &str = "Retries";
/// Interactions parked. From `delivery` and `redrive`, by [`STAGE`].
pub const PARKED: &str = "Parked";
/// Interactions that were done after a call whose outcome is unknown, and so perhaps twice, or that
/// certainly were. From `delivery`, by [`STAGE`].
pub const POSSIBLE_DUPLICATES: &str = "PossibleDuplicates";
/// The longest that a call of this batch waited for its slot, in milliseconds; left out where none
/// waited. From `delivery`, by [`STAGE`].
pub const LIMITER_WAIT: &str = "LimiterWait";
/// 1 a batch that met the breaker open or opened it; left out otherwise. From `delivery`, by
/// [`STAGE`].
pub const BREAKER_OPEN: &str = "BreakerOpen";
/// Calls for which there was no token, or a fresh one was refused. From `delivery`, by [`STAGE`].
pub const CREDENTIALS_REFUSED: &str = "CredentialsRefused";

/// Messages sent back from the dead-letter queue. From `redrive`, by [`STAGE`].
pub const REDRIVEN: &str = "Redriven";

/// 1 whenever the rules parameter is read and doesn't validate. From `route`, no dimension.
pub const RULES_INVALID: &str = "RulesInvalid";

/// Tokens that are fresh, a gauge a run. From `rotate-tokens`, no dimension.
pub const TOKENS_OK: &str = "TokensOk";
/// Tokens that are due and that this run could not renew: they still work, for now. From
/// `rotate-tokens`, no dimension.
pub const TOKENS_EXPIRING: &str = "TokensExpiring";
/// Tokens that only a person can renew. From `rotate-tokens`, no dimension.
pub const TOKENS_REAUTH_REQUIRED: &str = "TokensReauthRequired";
