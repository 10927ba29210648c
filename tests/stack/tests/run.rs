//! `stack run` and `stack stop`, as `make run` and `make stop` call them, each in a folder and on
//! a port of its own.

#![expect(clippy::unwrap_used, reason = "what fails in a helper fails its test")]

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use reqwest::RequestBuilder;
use runtime::clock;
use sandbox::{Sandbox, SocialToken};
use serde_json::Value;
use stack::account::Account;
use stack::package::Project;
use stack::python;

const MESSAGE: &str = r#"{"contact_id":"c","thread_id":"t","social_profile":{"platform":"facebook","user_id":"u","display_name":"n"},"messages":[{"text":"Hello","from_id":"u","timestamp":"2026-11-22T09:48:00Z"}],"event_timestamp":"2026-11-22T09:48:00Z"}"#;

/// A folder and a port for one stack, which is stopped when this is dropped.
struct Place {
    dir: PathBuf,
    port: u16,
}

impl Place {
    /// An empty one.
    fn empty(name: &str) -> Self {
        let local = Project::locate().unwrap().local;
        let dir = local.join("stack-tests").join(name);
        if dir.exists() {
            fs::remove_dir_all(&dir).unwrap();
        }
        fs::create_dir_all(&dir).unwrap();
        Self {
            dir,
            port: free_port(),
        }
    }

    /// One with the emulator's environment, which all share.
    fn new(name: &str) -> Self {
        let place = Self::empty(name);
        let local = Project::locate().unwrap().local;
        python::environment(&local, |_| {}).unwrap();
        symlink(local.join("venv"), place.dir.join("venv")).unwrap();
        place
    }

    fn command(&self, name: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_stack"));
        command
            .arg(name)
            .env("STACK_DIR", &self.dir)
            .env("PORT", self.port.to_string());
        command
    }

    fn output(&self, name: &str) -> Output {
        self.command(name).output().unwrap()
    }

    fn run_detached(&self) -> Output {
        self.command("run").env("DETACH", "1").output().unwrap()
    }

    fn ready_file(&self) -> PathBuf {
        self.dir.join("stack.json")
    }

    fn summary(&self) -> Value {
        serde_json::from_slice(&fs::read(self.ready_file()).unwrap()).unwrap()
    }

    /// Whether nothing listens any more and no process works in the folder.
    fn is_quiet(&self) -> bool {
        TcpListener::bind(("127.0.0.1", self.port)).is_ok() && processes_in(&self.dir) == 0
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = self.command("stop").output();
    }
}

fn free_port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0))
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

/// Processes, functions among them, whose scratch folder is in `dir`.
fn processes_in(dir: &Path) -> usize {
    let wanted = format!("TMPDIR={}", dir.display());
    let mine = |entry: std::io::Result<fs::DirEntry>| {
        let environment = fs::read(entry.ok()?.path().join("environ")).ok()?;
        environment
            .split(|byte| *byte == 0)
            .any(|variable| variable.starts_with(wanted.as_bytes()))
            .then_some(())
    };
    fs::read_dir("/proc").unwrap().filter_map(mine).count()
}

fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    let started = clock::instant();
    while !is_so() {
        assert!(
            started.elapsed() < Duration::from_secs(60),
            "waited in vain for {what}"
        );
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn said(output: &Output) -> String {
    [&output.stdout, &output.stderr]
        .map(|text| String::from_utf8_lossy(text))
        .concat()
}

/// The one sentence of a failure.
fn complaint(output: &Output) -> String {
    assert!(!output.status.success(), "{}", said(output));
    let text = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    assert_eq!(text.lines().count(), 1, "{text}");
    text
}

#[tokio::test]
async fn a_detached_stack_writes_what_a_script_needs_takes_webhooks_and_stops_and_starts_again() {
    let place = Place::new("detached");
    let run = place.run_detached();
    assert!(run.status.success(), "{}", said(&run));
    let summary = place.summary();
    let text = |name: &str| {
        summary[name]
            .as_str()
            .unwrap_or_else(|| panic!("no {name} in {summary}"))
            .to_owned()
    };
    for name in [
        "simulator_url",
        "sandbox_url",
        "aws_endpoint_url",
        "region",
        "access_key_id",
    ] {
        assert!(
            !text(name).is_empty() && said(&run).contains(&text(name)),
            "{name} is not printed"
        );
    }
    assert!(summary["tables"]["LedgerTable"].is_string());
    assert!(
        summary["queues"]["RoutingQueue"]
            .as_str()
            .unwrap()
            .starts_with("http://")
    );
    assert!(summary["functions"]["RouteFunction"].is_string());

    let http = reqwest::Client::new();
    let carrying = |request: RequestBuilder, headers: &str| {
        let headers = summary[headers].as_object().unwrap();
        headers.iter().fold(request, |request, (name, value)| {
            request.header(name, value.as_str().unwrap())
        })
    };
    let webhook = carrying(http.post(text("webhook_url")), "webhook_headers")
        .body(MESSAGE)
        .send()
        .await
        .unwrap();
    assert_eq!(webhook.status(), 202, "{}", webhook.text().await.unwrap());
    let page = carrying(http.get(text("simulator_url")), "simulator_headers")
        .send()
        .await
        .unwrap();
    assert_eq!(page.status(), 200);

    let log = || fs::read_to_string(place.dir.join("stack.log")).unwrap();
    for stage in ["received", "queued", "routed", "synced"] {
        wait_until(&format!("a line that says {stage}"), || {
            log()
                .lines()
                .any(|line| line.contains(&format!("  {stage}")))
        });
    }
    assert!(
        log().contains("social-support, sentiment-neutral  task "),
        "{}",
        log()
    );

    assert!(complaint(&place.run_detached()).contains("runs already"));

    let stop = place.output("stop");
    assert!(stop.status.success(), "{}", said(&stop));
    wait_until("all to be gone", || place.is_quiet());
    assert!(!place.ready_file().exists());

    let again = place.run_detached();
    assert!(again.status.success(), "{}", said(&again));
}

#[tokio::test]
async fn outside_upstreams_are_used_in_place_of_the_sandbox() {
    let settings = sandbox::Settings {
        client_id: "my-client".into(),
        client_secret: "my-secret".into(),
        ..Default::default()
    };
    let outside = Sandbox::start(sandbox::Config { port: 0, settings })
        .await
        .unwrap();
    let first = SocialToken {
        access_token: "facebook-first-token".into(),
        refresh_token: None,
        expires_in_seconds: 3600,
        age_seconds: 0,
        single_use: false,
    };
    outside.register_social("facebook", first);
    let place = Place::new("outside");
    let run = place
        .command("run")
        .env("DETACH", "1")
        .env("CXONE_BASE_URL", &outside.url)
        .env("CXONE_CLIENT_ID", "my-client")
        .env("CXONE_CLIENT_SECRET", "my-secret")
        .env("TICKETING_URL", &outside.url)
        .env(
            "SOCIAL_REFRESH_URL",
            format!("{}/social/facebook/rotate", outside.url),
        )
        .output()
        .unwrap();
    assert!(run.status.success(), "{}", said(&run));
    assert_eq!(outside.webhooks().len(), 1);

    let send = place
        .command("send")
        .env("TEXT", "I love it!")
        .output()
        .unwrap();
    assert!(send.status.success(), "{}", said(&send));
    wait_until("the ticket", || outside.tickets().len() == 1);
    assert_eq!(
        outside.tasks()[0].skills,
        ["social-support", "sentiment-positive"]
    );

    let summary = place.summary();
    let account = Account {
        endpoint: summary["aws_endpoint_url"].as_str().unwrap().to_owned(),
        id: summary["access_key_id"].as_str().unwrap().to_owned(),
    };
    let rotate = summary["functions"]["RotateTokensFunction"]
        .as_str()
        .unwrap();
    let event = serde_json::json!({"secret": "facebook", "force": true});
    let (answer, failure) = account.invoke(rotate, &event).await.unwrap();
    assert_eq!(failure, None, "{answer}");
    assert_eq!(outside.calls("social.facebook").len(), 1);
}

fn start_attached(place: &Place) -> Child {
    let child = place.command("run").stdout(Stdio::null()).spawn().unwrap();
    wait_until("the stack", || place.ready_file().exists());
    child
}

fn signal(child: &Child, name: &str) {
    let sent = Command::new("kill")
        .args([name, &child.id().to_string()])
        .status()
        .unwrap();
    assert!(sent.success());
}

#[test]
fn ctrl_c_stops_everything_that_was_started() {
    let place = Place::new("interrupted");
    let mut child = start_attached(&place);
    signal(&child, "-INT");
    assert!(child.wait().unwrap().success());
    wait_until("all to be gone", || place.is_quiet());
    assert!(!place.ready_file().exists());
}

#[test]
fn a_killed_stack_takes_everything_with_it_and_the_next_one_starts() {
    let place = Place::new("killed");
    let mut child = start_attached(&place);
    signal(&child, "-KILL");
    assert!(!child.wait().unwrap().success());
    wait_until("all to be gone", || place.is_quiet());
    let run = place.run_detached();
    assert!(run.status.success(), "{}", said(&run));
}

#[test]
fn a_taken_port_is_one_clear_sentence() {
    let place = Place::new("port");
    let _taken = TcpListener::bind(("127.0.0.1", place.port)).unwrap();
    let complaint = complaint(&place.output("run"));
    assert!(
        complaint.contains(&format!("port {} is taken", place.port)),
        "{complaint}"
    );
    assert!(complaint.contains("PORT="), "{complaint}");
}

#[test]
fn a_missing_python_is_one_clear_sentence() {
    let place = Place::empty("python");
    let run = place
        .command("run")
        .env("PATH", &place.dir)
        .output()
        .unwrap();
    let complaint = complaint(&run);
    assert!(
        complaint.contains("Python 3.10 or newer is needed"),
        "{complaint}"
    );
}

#[test]
fn an_emulator_that_does_not_come_up_is_one_clear_sentence() {
    let place = Place::empty("broken");
    let bin = place.dir.join("venv/bin");
    fs::create_dir_all(&bin).unwrap();
    let requirements = include_str!("../requirements.txt");
    fs::write(place.dir.join("venv/requirements.txt"), requirements).unwrap();
    // It passes for a Python, and fails to run the emulator.
    let python = "#!/bin/sh\ncase \"$2\" in *version_info*) exit 0;; esac\necho 'ImportError: no module' >&2\nexit 1\n";
    fs::write(bin.join("python"), python).unwrap();
    fs::set_permissions(bin.join("python"), fs::Permissions::from_mode(0o755)).unwrap();
    let complaint = complaint(&place.output("run"));
    assert!(
        complaint.contains("the emulator did not come up"),
        "{complaint}"
    );
    assert!(complaint.contains("ImportError: no module"), "{complaint}");
}

#[test]
fn an_outside_cxone_without_its_credentials_is_one_clear_sentence() {
    let place = Place::new("credentials");
    let run = place
        .command("run")
        .env("CXONE_BASE_URL", "http://127.0.0.1:1")
        .output()
        .unwrap();
    assert!(complaint(&run).contains("CXONE_CLIENT_ID"));
}
