//! Registers the webhook at CXone as the stack comes and goes.

use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use register_webhook::Function;
use register_webhook::request::Request;

#[tokio::main]
async fn main() -> Result<(), Error> {
    telemetry::init()?;
    let function = Function::from_settings(&runtime::aws::config().await)?;
    run(service_fn(|event: LambdaEvent<Request>| {
        let time_left = runtime::clock::time_left(event.context.deadline());
        function.handle(event.payload, time_left)
    }))
    .await
}
