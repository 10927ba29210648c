//! The sandbox: one HTTP server that plays CXone, the ticketing system (its own form, its batch form and Zendesk)
//! and the social platforms' token endpoints, refuses what the real ones would refuse, records every call, and
//! takes faults while it runs.
//!
//! - [`Sandbox`] starts one and mirrors its admin API; each has its own port and its own state.
//! - [`Settings`] say how the played systems behave, [`Faults`] what goes wrong at an endpoint.
//! - [`CallRecord`], [`Task`], [`Ticket`] and [`Summary`] are what it saw.
//!
//! `call` reads a request and `world` takes it through its faults (`decide`) to `cxone`, `ticketing`, `zendesk` or
//! `social`, plain functions of state, time and request. `server` is the wire, `admin` the API under `/_sandbox/`.

mod admin;
mod call;
mod check;
mod clock;
mod cxone;
mod decide;
mod fault;
mod log;
mod server;
mod settings;
mod social;
mod ticketing;
mod token;
mod world;
mod zendesk;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::oneshot;

pub use cxone::{Duplicate, Task, Webhook};
pub use fault::{
    Action, Faults, Latency, Limit, Outage, Poison, RateLimited, RetryAfter, ServerError,
};
pub use log::{CallRecord, EndpointSummary};
pub use settings::Settings;
pub use social::{SocialSummary, SocialToken};
pub use ticketing::Ticket;
pub use world::Summary;

use clock::now_ms;
use server::{ResetHandle, ResettableListener, Shared};

/// How a sandbox is started.
#[derive(Clone, Default)]
pub struct Config {
    /// Port on 127.0.0.1; 0 takes a free one.
    pub port: u16,
    pub settings: Settings,
}

/// A running sandbox, on a thread of its own, so that a test that blocks its runtime doesn't stop it.
/// It stops when it is dropped; calls under way then have a second to end.
pub struct Sandbox {
    /// Base URL of everything it plays, without a slash at the end.
    pub url: String,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Sandbox {
    /// Starts a sandbox.
    ///
    /// # Errors
    /// Where the port is taken or not allowed; the error names it.
    pub async fn start(config: Config) -> io::Result<Self> {
        let shared = Arc::new(Shared::new(config.settings));
        let (bound, address) = oneshot::channel();
        let serving = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("sandbox".to_owned())
            .spawn(move || run(config.port, serving, bound))?;
        let address = address
            .await
            .map_err(|_| io::Error::other("the sandbox's thread ended as it started"))??;
        Ok(Self {
            url: format!("http://{address}"),
            shared,
            thread: Some(thread),
        })
    }

    /// Stops it and waits until its port is free.
    pub fn stop(self) {
        drop(self);
    }

    /// Sets the faults of an endpoint in place of those it had: `cxone.token`, `cxone.webhooks`, `cxone.tasks`,
    /// `ticketing.sync`, `ticketing.batch`, `zendesk`, `social.<platform>`.
    ///
    /// # Panics
    /// Where the endpoint is not one of these, or the faults contradict themselves.
    pub fn fault(&self, endpoint: &str, faults: Faults) {
        if let Err(message) = self.shared.world().set_faults(endpoint, faults, now_ms()) {
            panic!("{message}");
        }
    }

    /// Takes the faults of all endpoints away.
    pub fn clear_faults(&self) {
        self.shared.world().clear_faults(None);
    }

    /// Changes the settings.
    pub fn configure(&self, change: impl FnOnce(&mut Settings)) {
        change(&mut self.shared.world().settings);
    }

    /// Forgets everything, faults and registered tokens too, and goes back to the settings of the start.
    pub fn reset(&self) {
        self.shared.reset();
    }

    /// Makes every CXone token unknown.
    pub fn revoke_tokens(&self) {
        self.shared.world().cxone.revoke_tokens();
    }

    /// Makes every CXone token unknown but the one that was issued last.
    pub fn revoke_former_tokens(&self) {
        self.shared.world().cxone.revoke_former_tokens();
    }

    /// Makes a platform's first token known.
    pub fn register_social(&self, platform: &str, token: SocialToken) {
        self.shared
            .world()
            .social
            .register(platform, token, now_ms());
    }

    /// Revokes all of a platform's tokens.
    pub fn revoke_social(&self, platform: &str) {
        self.shared.world().social.revoke(platform);
    }

    /// Whether the platform would take this token now.
    pub fn social_token_works(&self, platform: &str, token: &str) -> bool {
        self.shared.world().social.works(platform, token, now_ms())
    }

    /// Every token that CXone and the platforms issued or that was registered, for a search in logs.
    pub fn issued_tokens(&self) -> Vec<String> {
        let world = self.shared.world();
        [world.cxone.issued(), world.social.issued()].concat()
    }

    pub fn tasks(&self) -> Vec<Task> {
        self.shared.world().cxone.tasks().to_vec()
    }

    /// Tickets of the ticketing system.
    pub fn tickets(&self) -> Vec<Ticket> {
        self.shared.world().ticketing.tickets().to_vec()
    }

    pub fn zendesk_tickets(&self) -> Vec<Ticket> {
        self.shared.world().zendesk.tickets().to_vec()
    }

    pub fn webhooks(&self) -> Vec<Webhook> {
        self.shared.world().cxone.webhook_list().to_vec()
    }

    /// The calls of an endpoint in the order of their arrival.
    pub fn calls(&self, endpoint: &str) -> Vec<CallRecord> {
        let world = self.shared.world();
        world
            .log
            .calls()
            .iter()
            .filter(|call| call.endpoint == endpoint)
            .cloned()
            .collect()
    }

    /// The calls that ended, from the `since`-th on: at once where there are any, else after `wait` at the latest.
    pub async fn events(&self, since: usize, wait: Duration) -> Vec<CallRecord> {
        self.shared.events(since, wait).await
    }

    pub fn summary(&self) -> Summary {
        self.shared.world().summary()
    }

    /// Interactions that made more than one task.
    pub fn duplicates(&self) -> Vec<Duplicate> {
        self.shared.world().cxone.duplicates()
    }

    /// The most calls of an endpoint in any `window`.
    pub fn max_in_any(&self, endpoint: &str, window: Duration) -> usize {
        let window_ms = u64::try_from(window.as_millis()).unwrap_or(u64::MAX);
        self.shared.world().log.max_in_any(endpoint, window_ms)
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.shared.stopping.send_replace(true);
        if let Some(thread) = self.thread.take() {
            // A panic there has been printed; here there is nothing left to do about it.
            let _ = thread.join();
        }
    }
}

fn run(port: u16, shared: Arc<Shared>, bound: oneshot::Sender<io::Result<SocketAddr>>) {
    let runtime = match tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => return drop(bound.send(Err(error))),
    };
    runtime.block_on(async {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let listening = async {
            let listener = TcpListener::bind(address).await?;
            Ok((listener.local_addr()?, listener))
        };
        match listening.await {
            Ok((address, listener)) => {
                if bound.send(Ok(address)).is_ok() {
                    serve(listener, shared).await;
                }
            }
            Err(error) => {
                let error: io::Error = error;
                let message = format!("the sandbox can't listen on {address}: {error}");
                drop(bound.send(Err(io::Error::new(error.kind(), message))));
            }
        }
    });
    runtime.shutdown_background();
}

async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    let app = admin::routes()
        .fallback(server::upstream)
        .with_state(Arc::clone(&shared));
    let service = app.into_make_service_with_connect_info::<ResetHandle>();
    let stopping = Arc::clone(&shared);
    let server = axum::serve(ResettableListener(listener), service)
        .with_graceful_shutdown(async move { stopping.until_stopping().await });
    let grace = async {
        shared.until_stopping().await;
        tokio::time::sleep(Duration::from_secs(1)).await;
    };
    tokio::select! {
        // Serving ends only when it is told to stop; its result is always `Ok`.
        _ = server => {}
        () = grace => {}
    }
}
