use ingest::{Config, Ingest};
use lambda_runtime::{Error, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    telemetry::init()?;
    let config = Config::from_env()?;
    let ingest = Ingest::new(config, &runtime::aws::config().await);
    ingest.warm_up().await;
    let ingest = &ingest;
    lambda_runtime::run(service_fn(move |event| async move {
        ingest.handle(event).await
    }))
    .await
}
