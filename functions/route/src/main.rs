use aws_lambda_events::sqs::SqsEvent;
use delivery::Delivery;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use route::{Config, Route};
use runtime::clock;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    telemetry::init()?;
    let settings = delivery::Settings::from_env("ROUTING_QUEUE_URL", 1)?;
    let config = Config::from_env()?;
    let aws = runtime::aws::config().await;
    let next_queue = Some(config.ticketing_queue_url.clone());
    let route = Route::new(config, &settings, &aws)?;
    let delivery = &Delivery::new(route, &aws, settings, next_queue);
    lambda_runtime::run(service_fn(move |event: LambdaEvent<SqsEvent>| async move {
        let time_left = clock::time_left(event.context.deadline());
        Ok::<_, Error>(delivery.handle(event.payload, time_left).await)
    }))
    .await
}
