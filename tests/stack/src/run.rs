//! Brings everything up, follows it, and takes it down.

use std::fs;

use runtime::clock;
use sandbox::Sandbox;
use stack::account::{Account, DEFAULT_ACCOUNT};
use stack::deployment::{Deployment, Parameters};
use stack::emulator::Emulator;
use stack::error::{Error, Result};
use stack::package::Project;
use stack::python;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::control::Lock;
use crate::settings::Settings;
use crate::{follow, seed, summary};

const STACK: &str = "social";

/// What the local webhook is called with; it listens on this machine only. A fixed one keeps the
/// README's example true.
const WEBHOOK_SECRET: &str = "local-webhook-secret";

/// What runs. Dropping it ends it all.
pub struct Running {
    pub deployment: Deployment,
    pub sandbox: Sandbox,
    _emulator: Emulator,
}

/// Runs until it is told to stop. In the background a terminal that closes doesn't stop it.
pub async fn run(project: &Project, settings: &Settings, background: bool) -> Result<()> {
    let _lock = Lock::take(project)?;
    let mut stop = Stop::listen(background)?;
    let ready = project.local.join(summary::FILE);
    let outcome = tokio::select! {
        outcome = serve(project, settings) => outcome,
        () = stop.told() => Ok(()),
    };
    if ready.exists() {
        fs::remove_file(&ready).map_err(Error::file(&ready))?;
    }
    if outcome.is_ok() {
        println!("\nstopped");
    }
    outcome
}

/// Ends only with an error.
async fn serve(project: &Project, settings: &Settings) -> Result<()> {
    let started = clock::instant();
    let running = start(project, settings).await?;
    let summary = summary::Summary::of(&running, WEBHOOK_SECRET);
    summary.print(started.elapsed());
    // Last, for it says that everything is ready.
    summary.write(&project.local)?;
    follow::follow(&running.deployment).await
}

async fn start(project: &Project, settings: &Settings) -> Result<Running> {
    let python = python::environment(&project.local, |line| println!("{line}"))?;
    println!("starting the emulated AWS and the sandbox …");
    let emulator = Emulator::start(&python, &project.local.join("aws"), settings.port).await?;
    let sandbox = Sandbox::start(sandbox::Config::default()).await;
    let sandbox =
        sandbox.map_err(|error| Error::Usage(format!("the sandbox can't start: {error}")))?;

    println!("packaging the functions …");
    let zips = project.zips()?;
    println!("deploying template.yaml …");
    let account = Account {
        endpoint: emulator.endpoint().to_owned(),
        id: DEFAULT_ACCOUNT.to_owned(),
    };
    let parameters = parameters(settings, &sandbox.url);
    let deployment = Deployment::create(account, STACK, project, &zips, parameters).await?;
    println!("storing the social platforms' first tokens …");
    seed::simulator_key(&deployment).await?;
    seed::platforms(
        &deployment,
        &sandbox,
        settings.social_refresh_url.as_deref(),
    )
    .await?;
    Ok(Running {
        deployment,
        sandbox,
        _emulator: emulator,
    })
}

fn parameters(settings: &Settings, sandbox: &str) -> Parameters {
    let upstream = |outside: &Option<String>| {
        outside
            .as_deref()
            .unwrap_or(sandbox)
            .trim_end_matches('/')
            .to_owned()
    };
    let its = sandbox::Settings::default();
    let all = [
        ("CxoneBaseUrl", upstream(&settings.cxone_base_url)),
        ("TicketingUrl", upstream(&settings.ticketing_url)),
        (
            "CxoneClientId",
            settings.cxone_client_id.clone().unwrap_or(its.client_id),
        ),
        (
            "CxoneClientSecret",
            settings
                .cxone_client_secret
                .clone()
                .unwrap_or(its.client_secret),
        ),
        ("ExistingSigningSecret", WEBHOOK_SECRET.to_owned()),
        ("EnableSimulator", "true".to_owned()),
    ];
    let mut all: Parameters = all
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect();
    all.extend(settings.parameters.clone());
    all
}

/// The signals that end a stack.
struct Stop {
    interrupt: Signal,
    terminate: Signal,
    /// Listened to, so that it doesn't end the process, and ignored.
    _hangup: Option<Signal>,
}

impl Stop {
    fn listen(background: bool) -> Result<Self> {
        let listen = |kind| {
            signal(kind)
                .map_err(|error| Error::Usage(format!("signals can't be listened to: {error}")))
        };
        Ok(Self {
            interrupt: listen(SignalKind::interrupt())?,
            terminate: listen(SignalKind::terminate())?,
            _hangup: background
                .then(|| listen(SignalKind::hangup()))
                .transpose()?,
        })
    }

    async fn told(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
