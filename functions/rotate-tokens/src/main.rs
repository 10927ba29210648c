//! Keeps CXone's and the platforms' tokens and the signing secret fresh.

use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use rotate_tokens::{Function, Order};

#[tokio::main]
async fn main() -> Result<(), Error> {
    telemetry::init()?;
    let function = Function::from_settings(&runtime::aws::config().await)?;
    run(service_fn(|event: LambdaEvent<Order>| {
        let time_left = runtime::clock::time_left(event.context.deadline());
        function.handle(event.payload, time_left)
    }))
    .await
}
