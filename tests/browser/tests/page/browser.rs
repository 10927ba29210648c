//! A headless Chromium with one page of the simulator.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chromiumoxide::browser::{Browser, BrowserConfig};
use chromiumoxide::cdp::browser_protocol::emulation::{
    MediaFeature, SetDeviceMetricsOverrideParams,
};
use chromiumoxide::cdp::browser_protocol::log::{EnableParams, EventEntryAdded, LogEntryLevel};
#[expect(deprecated, reason = "see `Page::offline`")]
use chromiumoxide::cdp::browser_protocol::network::EmulateNetworkConditionsParams;
use chromiumoxide::cdp::browser_protocol::network::{Headers, SetExtraHttpHeadersParams};
use chromiumoxide::cdp::js_protocol::runtime::EventExceptionThrown;
use chromiumoxide::page::ScreenshotParams;
use e2e::Stack;
use e2e::stack::SOON;
use futures::StreamExt;
use runtime::clock;
use serde::de::DeserializeOwned;
use tokio::task::JoinHandle;

/// How often [`Page::until`] looks.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// The simulator's page of a stack. Dropping it ends its browser.
pub struct Page {
    tab: chromiumoxide::Page,
    _browser: Browser,
    _events: JoinHandle<()>,
    /// What the browser complained about.
    complaints: Arc<Mutex<Vec<String>>>,
    profile: PathBuf,
}

impl Page {
    /// Opens the page with the simulator's key, at a width and height in pixels.
    pub async fn open(stack: &Stack, width: u32, height: u32) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let profile = Path::new(env!("CARGO_TARGET_TMPDIR"))
            .join(format!("chromium-{}-{number}", std::process::id()));
        let config = BrowserConfig::builder()
            // Containers rarely allow Chromium's own sandbox, and it opens the own page only.
            .no_sandbox()
            .user_data_dir(&profile)
            .window_size(width, height)
            .viewport(None)
            .build()
            .unwrap_or_else(|_| {
                panic!("no Chromium was found: install the package chromium, or name one in CHROME")
            });
        let (browser, mut handler) = Browser::launch(config).await.expect("Chromium starts");
        let events = tokio::spawn(async move { while handler.next().await.is_some() {} });
        let page = browser.new_page("about:blank").await.unwrap();
        let complaints = Arc::default();
        listen(&page, &complaints).await;

        let key = stack.secret("SimulatorKey").await;
        let url = stack.deployment.url("/simulator");
        // The page, its files and its calls all are of this origin, so the header goes nowhere else.
        let authorization = format!(
            "Basic {}",
            base64::Engine::encode(
                &base64::engine::general_purpose::STANDARD,
                format!("browser:{key}")
            )
        );
        let headers = Headers::new(serde_json::json!({"Authorization": authorization}));
        page.execute(SetExtraHttpHeadersParams::new(headers))
            .await
            .unwrap();
        let opened = Self {
            tab: page,
            _browser: browser,
            _events: events,
            complaints,
            profile,
        };
        opened.resize(width, height).await;
        opened.tab.goto(url).await.unwrap();
        opened
            .until("document.querySelectorAll('#examples button').length === 8")
            .await;
        opened
    }

    pub async fn resize(&self, width: u32, height: u32) {
        let (width, height) = (i64::from(width), i64::from(height));
        let metrics = SetDeviceMetricsOverrideParams::new(width, height, 1.0, width < 600);
        self.tab.execute(metrics).await.unwrap();
    }

    /// Sets media features, such as `prefers-color-scheme` to `dark`.
    pub async fn prefer(&self, features: &[(&str, &str)]) {
        let features = features
            .iter()
            .map(|(name, value)| MediaFeature::new(*name, *value));
        self.tab
            .emulate_media_features(features.collect())
            .await
            .unwrap();
    }

    /// Cuts the page off from the stack, or connects it again.
    pub async fn offline(&self, offline: bool) {
        #[expect(
            deprecated,
            reason = "Chromium has it still, and its successor is not stable"
        )]
        let conditions = EmulateNetworkConditionsParams::new(offline, 0.0, -1.0, -1.0);
        self.tab.execute(conditions).await.unwrap();
    }

    /// What a JavaScript expression gives.
    pub async fn js<T: DeserializeOwned>(&self, expression: &str) -> T {
        let value = self.tab.evaluate_expression(expression).await;
        let value = value.unwrap_or_else(|error| panic!("{expression}: {error}"));
        value
            .into_value()
            .unwrap_or_else(|error| panic!("{expression}: {error}"))
    }

    /// Looks again and again until an expression is true.
    pub async fn until(&self, expression: &str) {
        let started = clock::instant();
        while !self.js::<bool>(&format!("Boolean({expression})")).await {
            if started.elapsed() > SOON {
                let text: String = self.js("document.body.innerText").await;
                panic!("waited {SOON:?} in vain for {expression}; the page says:\n{text}");
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// The text of an element, as it is shown.
    pub async fn text(&self, selector: &str) -> String {
        self.js(&format!(
            "document.querySelector({selector:?})?.innerText ?? ''"
        ))
        .await
    }

    pub async fn click(&self, selector: &str) {
        let element = self.tab.find_element(selector).await;
        let element = element.unwrap_or_else(|error| panic!("{selector}: {error}"));
        element.click().await.unwrap();
    }

    /// Presses a key where the focus is.
    pub async fn press(&self, key: &str) {
        self.tab
            .find_element("body")
            .await
            .unwrap()
            .press_key(key)
            .await
            .unwrap();
    }

    /// The texts whose contrast is too low.
    pub async fn poor_contrasts(&self) -> Vec<String> {
        self.js(include_str!("contrast.js")).await
    }

    /// A picture of the window, or of the whole page.
    pub async fn picture(&self, whole: bool) -> Vec<u8> {
        let params = ScreenshotParams::builder().full_page(whole).build();
        self.tab.screenshot(params).await.unwrap()
    }

    /// What the browser complained about: failed scripts, blocked and missing files.
    pub fn complaints(&self) -> Vec<String> {
        self.complaints.lock().unwrap().clone()
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        // Chromium still writes to it while it ends; what is left goes with `cargo clean`.
        let _ = std::fs::remove_dir_all(&self.profile);
    }
}

async fn listen(page: &chromiumoxide::Page, complaints: &Arc<Mutex<Vec<String>>>) {
    let mut entries = page.event_listener::<EventEntryAdded>().await.unwrap();
    let mut exceptions = page.event_listener::<EventExceptionThrown>().await.unwrap();
    page.execute(EnableParams::default()).await.unwrap();
    let heard = Arc::clone(complaints);
    tokio::spawn(async move {
        while let Some(event) = entries.next().await {
            if event.entry.level == LogEntryLevel::Error {
                heard.lock().unwrap().push(event.entry.text.clone());
            }
        }
    });
    let heard = Arc::clone(complaints);
    tokio::spawn(async move {
        while let Some(event) = exceptions.next().await {
            heard
                .lock()
                .unwrap()
                .push(event.exception_details.text.clone());
        }
    });
}
