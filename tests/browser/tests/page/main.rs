//! What a person does on the simulator's page and sees there.

#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

mod browser;

use std::path::Path;

use browser::Page;
use e2e::Stack;
use sandbox::{Action, Faults};

const WITH_SIMULATOR: (&str, &str) = ("EnableSimulator", "true");

const DESKTOP: (u32, u32) = (1200, 900);

const ESCALATION: &str = "social-escalation, sentiment-negative";

/// The first row of the interactions in this state.
fn first_is(state: &str) -> String {
    format!(
        "document.querySelector('#live tr td[data-label=State]')?.innerText.includes('{state}')"
    )
}

/// Keeps a picture where `make screenshots` asks for it.
async fn keep(page: &Page, name: &str, whole: bool) {
    let Ok(Some(folder)) = runtime::settings::optional("SCREENSHOTS") else {
        return;
    };
    let picture = page.picture(whole).await;
    std::fs::write(Path::new(&folder).join(name), picture).unwrap();
}

#[tokio::test]
async fn a_message_is_written_sent_and_seen_routed_and_synced_with_the_right_skill() {
    let stack = Stack::with(&[WITH_SIMULATOR]).await;
    let page = Page::open(&stack, DESKTOP.0, DESKTOP.1).await;
    assert_eq!(page.text("#counts").await, "Nothing sent yet.");
    page.until("document.querySelector('#parked').innerText.includes('nothing')")
        .await;
    assert_eq!(
        page.text("#percentiles").await,
        "No figures of the last 24 hours yet."
    );

    page.click("#examples button:nth-child(2)").await;
    page.until("document.querySelector('#score-line').innerText.includes('negative')")
        .await;
    assert!(page.text("#decision").await.contains(ESCALATION));
    assert!(page.text("#words").await.contains("furious"));
    page.click("#send").await;
    page.until(&first_is("synced")).await;
    assert_eq!(page.text("#sent").await, "The webhook answered 1 × 202.");
    let row = page.text("#live tr").await;
    let task = &stack.sandbox.tasks()[0];
    assert_eq!(task.skills.join(", "), ESCALATION);
    assert!(row.contains(ESCALATION) && row.contains(&task.id), "{row}");
    assert!(row.contains(&stack.sandbox.tickets()[0].id), "{row}");
    page.until(
        "document.querySelector('#percentiles').innerText.startsWith('1 in 24 hours: p50 ')",
    )
    .await;
    page.until("document.querySelectorAll('#histogram rect').length === 1")
        .await;
    assert_eq!(page.complaints(), Vec::<String>::new());
    keep(&page, "simulator.png", true).await;
}

#[tokio::test]
async fn a_breach_and_a_parked_message_are_seen_with_their_reasons_and_in_colours_with_contrast() {
    let stack = Stack::with(&[WITH_SIMULATOR, ("SlaThresholdMilliseconds", "1")]).await;
    let page = Page::open(&stack, DESKTOP.0, DESKTOP.1).await;
    page.click("#send").await;
    page.until(&first_is("synced")).await;
    let breach = "document.querySelector('#live td[data-label=\"Routed after\"]')";
    assert!(
        page.js::<String>(&format!("{breach}.innerText"))
            .await
            .contains("breach")
    );
    let colours: (String, String) = page.js(&format!(
        "[getComputedStyle({breach}.querySelector('b')).color, getComputedStyle(document.body).color]"
    )).await;
    assert_ne!(colours.0, colours.1);
    page.until("document.querySelectorAll('#histogram rect.breach').length === 1")
        .await;

    let refused = Action::Answer {
        status: 422,
        retry_after: None,
    };
    stack
        .sandbox
        .fault("cxone.tasks", Faults::none().next([refused]));
    page.click("#send").await;
    page.until(&first_is("parked")).await;
    let row = page.text("#live tr").await;
    assert!(row.contains("answered 422"), "{row}");
    page.until("document.querySelector('#parked').innerText.includes('answered 422')")
        .await;
    page.click("#live tr summary").await;
    assert!(
        page.text("#live tr details ol")
            .await
            .contains("routing parked")
    );

    for scheme in ["light", "dark"] {
        page.prefer(&[("prefers-color-scheme", scheme)]).await;
        assert_eq!(
            page.poor_contrasts().await,
            Vec::<String>::new(),
            "{scheme}"
        );
    }
    assert_eq!(page.complaints(), Vec::<String>::new());
    page.prefer(&[("prefers-color-scheme", "light")]).await;
    let seen = "document.querySelector('#live-section').scrollIntoView(), true";
    assert!(page.js::<bool>(seen).await);
    keep(&page, "breach-and-parked.png", false).await;
}

#[tokio::test]
async fn all_of_it_works_by_keyboard_alone_and_the_focus_is_always_seen() {
    let stack = Stack::with(&[WITH_SIMULATOR]).await;
    let page = Page::open(&stack, DESKTOP.0, DESKTOP.1).await;
    let focus = "document.activeElement.id || document.activeElement.innerText";
    page.press("Tab").await;
    assert_eq!(page.js::<String>(focus).await, "Skip to the message");
    page.press("Tab").await;
    assert_eq!(page.js::<String>(focus).await, "neutral");
    page.press("Tab").await;
    page.press("Enter").await;
    page.until("document.querySelector('#score-line').innerText.includes('negative')")
        .await;
    let mut passed = Vec::new();
    while passed.last().is_none_or(|id| id != "send") {
        page.press("Tab").await;
        passed.push(page.js::<String>(focus).await);
        let outline: String = page
            .js("getComputedStyle(document.activeElement).outlineStyle")
            .await;
        assert_eq!(outline, "solid", "{passed:?}");
        assert!(passed.len() < 30, "{passed:?}");
    }
    for id in [
        "text",
        "platform",
        "name",
        "thread",
        "count",
        "rate",
        "break",
        "attachment",
    ] {
        assert!(passed.iter().any(|passed| passed == id), "{id}: {passed:?}");
    }
    page.press("Enter").await;
    page.until(&first_is("synced")).await;
    // The table itself takes the focus, so that the arrow keys scroll it; the row's details follow.
    while page.js::<String>(focus).await != "Times and attempts" {
        page.press("Tab").await;
    }
    page.press("Enter").await;
    page.until("document.querySelector('#live details').open")
        .await;
    page.press("Tab").await;
    page.press("Enter").await;
    assert_eq!(page.js::<String>(focus).await, "text");
    let thread: String = page.js("document.querySelector('#thread').value").await;
    assert!(thread.starts_with("thread_"), "{thread}");
}

#[tokio::test]
async fn at_390_pixels_nothing_is_cut_off_and_everything_can_be_touched() {
    let stack = Stack::with(&[WITH_SIMULATOR]).await;
    let page = Page::open(&stack, 390, 844).await;
    page.click("#examples button:nth-child(2)").await;
    page.until("document.querySelector('#score-line').innerText.includes('negative')")
        .await;
    page.click("#send").await;
    page.until(&first_is("synced")).await;
    assert!(page.text("#live tr").await.contains(ESCALATION));
    assert_eq!(
        page.js::<u32>("document.documentElement.scrollWidth").await,
        390
    );
    let wide: Vec<String> = page.js(
        "[...document.querySelectorAll('main *')].filter((e) => e.getClientRects().length && !e.closest('thead') && e.getBoundingClientRect().right > 390).map((e) => e.outerHTML.slice(0, 80))",
    ).await;
    assert_eq!(wide, Vec::<String>::new());
    // WCAG 2.2, 2.5.8.
    let small: Vec<String> = page.js(
        "[...document.querySelectorAll('button, input:not([type=checkbox]), select, summary, label.check')].filter((e) => e.getClientRects().length && e.getBoundingClientRect().height < 24).map((e) => e.outerHTML.slice(0, 80))",
    ).await;
    assert_eq!(small, Vec::<String>::new());
    keep(&page, "phone.png", false).await;
}

#[tokio::test]
async fn in_the_dark_it_is_dark_and_where_motion_is_reduced_nothing_moves() {
    let stack = Stack::with(&[WITH_SIMULATOR]).await;
    let page = Page::open(&stack, DESKTOP.0, DESKTOP.1).await;
    let motion = "getComputedStyle(document.querySelector('#needle')).transitionDuration";
    assert_ne!(page.js::<String>(motion).await, "0s");
    page.prefer(&[
        ("prefers-color-scheme", "dark"),
        ("prefers-reduced-motion", "reduce"),
    ])
    .await;
    assert_eq!(page.js::<String>(motion).await, "0s");
    let ground: Vec<u32> = page
        .js("getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)")
        .await;
    assert!(ground.iter().all(|channel| *channel < 64), "{ground:?}");
    page.click("#examples button:nth-child(3)").await;
    page.until("document.querySelector('#score-line').innerText.includes('positive')")
        .await;
    page.click("#send").await;
    page.until(&first_is("synced")).await;
    assert!(page.text("#live tr").await.contains("sentiment-positive"));
    assert_eq!(page.poor_contrasts().await, Vec::<String>::new());
    keep(&page, "dark.png", false).await;
}

#[tokio::test]
async fn ten_thousand_interactions_are_followed_and_an_outage_is_told() {
    let stack = Stack::with(&[WITH_SIMULATOR]).await;
    let page = Page::open(&stack, DESKTOP.0, DESKTOP.1).await;
    let follow = "for (let n = 0; n < 10_000; n++) follow(`int_${n}`); interactions.size";
    assert_eq!(page.js::<u32>(follow).await, 10_000);
    page.until(
        "document.querySelector('#counts').innerText.startsWith('10,000 followed: 10,000 queued.')",
    )
    .await;
    assert_eq!(
        page.js::<u32>("document.querySelectorAll('#live tr').length")
            .await,
        200
    );
    // One that is sent now is seen in spite of them.
    page.click("#send").await;
    page.until(&first_is("synced")).await;
    assert_eq!(page.complaints(), Vec::<String>::new());

    page.offline(true).await;
    page.until("document.querySelector('#health').innerText.includes(\"can't be reached\")")
        .await;
    page.click("#send").await;
    page.until("document.querySelector('#sent').innerText.includes('Not sent')")
        .await;
    page.offline(false).await;
    page.until("document.querySelector('#health').innerText === 'The stack answers.'")
        .await;
}
