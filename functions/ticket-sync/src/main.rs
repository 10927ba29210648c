use aws_lambda_events::sqs::SqsEvent;
use delivery::Delivery;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use runtime::clock;
use ticket_sync::{Config, TicketSync};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    telemetry::init()?;
    let config = Config::from_env()?;
    let requests = config.dialect.requests();
    let settings = delivery::Settings::from_env("TICKETING_QUEUE_URL", requests)?;
    let aws = runtime::aws::config().await;
    let stage = TicketSync::new(config, &aws)?;
    let delivery = Delivery::new(stage, &aws, settings, None);
    let delivery = &delivery;
    lambda_runtime::run(service_fn(move |event: LambdaEvent<SqsEvent>| async move {
        let time_left = clock::time_left(event.context.deadline());
        Ok::<_, Error>(Box::pin(delivery.handle(event.payload, time_left)).await)
    }))
    .await
}
