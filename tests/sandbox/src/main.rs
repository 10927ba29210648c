//! `sandbox [--port 4000] [--client-id …]`: plays the outside systems until Ctrl-C.

use std::process::ExitCode;

use sandbox::{Config, Sandbox};

const USAGE: &str = "\
sandbox: plays CXone, the ticketing system, Zendesk and the social platforms on 127.0.0.1

  --port N                   port, 0 for a free one (4000)
  --client-id TEXT           CXone's client id (sandbox-client)
  --client-secret TEXT       CXone's client secret (sandbox-client-secret)
  --social-client-id TEXT    client id at Facebook and X (sandbox-app)
  --social-client-secret TEXT
  --ticketing-token TEXT     demand this token at ticketing and Zendesk (none)
  --token-ttl SECONDS        life of CXone's tokens (7200)
  --seed N                   seed of the faults' draws (0)
";

/// Reads the arguments; an error says which one is wrong.
fn config(arguments: impl IntoIterator<Item = String>) -> Result<Config, String> {
    let mut config = Config {
        port: 4000,
        ..Config::default()
    };
    let settings = &mut config.settings;
    let mut arguments = arguments.into_iter();
    while let Some(name) = arguments.next() {
        let value = arguments
            .next()
            .ok_or_else(|| format!("{name} needs a value"))?;
        let number = || {
            value
                .parse::<u64>()
                .map_err(|_| format!("{name} must be a whole number"))
        };
        match name.as_str() {
            "--port" => {
                config.port = value
                    .parse()
                    .map_err(|_| "--port must be from 0 to 65535".to_owned())?;
            }
            "--client-id" => settings.client_id = value,
            "--client-secret" => settings.client_secret = value,
            "--social-client-id" => settings.social_client_id = value,
            "--social-client-secret" => settings.social_client_secret = value,
            "--ticketing-token" => settings.ticketing_token = Some(value),
            "--token-ttl" => settings.token_ttl_seconds = number()?,
            "--seed" => settings.seed = number()?,
            _ => return Err(format!("there is no argument {name}")),
        }
    }
    Ok(config)
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments
        .iter()
        .any(|argument| argument == "--help" || argument == "-h")
    {
        print!("{USAGE}");
        return ExitCode::SUCCESS;
    }
    let config = match config(arguments) {
        Ok(config) => config,
        Err(message) => {
            eprint!("{message}\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    let sandbox = match Sandbox::start(config).await {
        Ok(sandbox) => sandbox,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    };
    println!("{}", sandbox.url);
    match stopped().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("the sandbox can't wait for signals: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Waits for Ctrl-C or SIGTERM.
async fn stopped() -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted,
        _ = terminate.recv() => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(arguments: &[&str]) -> Result<Config, String> {
        config(arguments.iter().map(|argument| (*argument).to_owned()))
    }

    #[test]
    fn arguments_set_what_they_name() {
        let config = read(&["--port", "0", "--client-id", "me", "--ticketing-token", "t"])
            .ok()
            .unwrap();
        assert_eq!((config.port, config.settings.client_id.as_str()), (0, "me"));
        assert_eq!(config.settings.ticketing_token.as_deref(), Some("t"));
    }

    #[test]
    fn a_wrong_argument_is_named() {
        for arguments in [
            &["--prot", "1"][..],
            &["--port"],
            &["--port", "x"],
            &["--seed", "-1"],
        ] {
            let message = read(arguments).err().unwrap();
            assert!(message.contains(arguments[0]), "{message}");
        }
    }
}
