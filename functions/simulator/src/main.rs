use lambda_http::{Error, run, service_fn};
use simulator::{App, Config, handle};

#[tokio::main]
async fn main() -> Result<(), Error> {
    telemetry::init()?;
    let config = Config::from_env()?;
    let app = App::new(config, &runtime::aws::config().await)?;
    run(service_fn(|request| async {
        Ok::<_, Error>(handle(&app, request).await)
    }))
    .await
}
