use count_sla::{Config, Counter};
use lambda_runtime::{Error, LambdaEvent, run, service_fn};

#[tokio::main]
async fn main() -> Result<(), Error> {
    telemetry::init()?;
    let config = Config::from_env()?;
    let client = aws_sdk_dynamodb::Client::new(&runtime::aws::config().await);
    let counter = Counter::new(client, config);
    let counter = &counter;
    run(service_fn(
        async move |event: LambdaEvent<count_sla::Event>| {
            // As text: the runtime logs an error's `Debug`, which is a page of the SDK's internals.
            counter
                .handle(event.payload)
                .await
                .map_err(|error| Error::from(error.to_string()))
        },
    ))
    .await
}
