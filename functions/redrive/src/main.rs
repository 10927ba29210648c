use aws_lambda_events::sqs::SqsEvent;
use delivery::redrive::Redrive;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use redrive::Config;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    telemetry::init()?;
    let config = Config::from_env()?;
    let aws = runtime::aws::config().await;
    let redrive = &Redrive::new(config.policy, &config.table, config.lanes, &aws);
    lambda_runtime::run(service_fn(move |event: LambdaEvent<SqsEvent>| async move {
        Ok::<_, Error>(redrive.handle(event.payload).await?)
    }))
    .await
}
