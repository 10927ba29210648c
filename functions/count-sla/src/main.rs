use count_sla::{Config, Counter};
use lambda_runtime::{Error, LambdaEvent, run, service_fn};

#[tokio::main]
async fn main() -> Result<(), Error> {
    telemetry::init()?;
    let config = Config::from_env()?;
    let client = aws_sdk_dynamodb::Client::new(&runtime::aws::config().await);
    let counter = Counter::new(client, config);
    run(service_fn(|event: LambdaEvent<count_sla::Event>| {
        counter.handle(event.payload)
    }))
    .await
}
