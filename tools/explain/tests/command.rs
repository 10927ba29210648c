//! The command as an operator runs it.

use std::path::PathBuf;
use std::process::Command;

/// A file that holds `content`, named after the test.
fn file(name: &str, content: &str) -> String {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("explain-{name}"));
    std::fs::write(&path, content).expect("cargo makes the directory");
    path.into_os_string()
        .into_string()
        .expect("the target directory is UTF-8")
}

fn run(arguments: &[&str]) -> (bool, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_explain"))
        .args(arguments)
        .output()
        .expect("cargo builds the command");
    let text = |bytes| String::from_utf8(bytes).expect("the command writes UTF-8");
    (
        output.status.success(),
        text(output.stdout),
        text(output.stderr),
    )
}

fn succeed(arguments: &[&str]) -> String {
    let (success, out, err) = run(arguments);
    assert!(success, "{err}");
    out
}

fn fail(arguments: &[&str]) -> String {
    let (success, _, err) = run(arguments);
    assert!(!success);
    err
}

#[test]
fn a_text_is_shown_with_its_words_rule_and_skills() {
    let out = succeed(&["The food is not very good!"]);
    for line in [
        "  score     -0.4432",
        "  rule      negative (negative, rules built-in-1)",
        "  skills    social-escalation, sentiment-negative",
        "  not       other-language: the language is not known",
        "good",
        "\"very\" before it",
        "\"not\" before it negates it",
        "  exclamation marks 1, question marks 0",
    ] {
        assert!(out.contains(line), "{line} is missing in:\n{out}");
    }
    assert!(succeed(&["table"]).contains("no word counts"));
}

#[test]
fn json_holds_the_same_decision() {
    let out = succeed(&["I love it", "--json", "--scorer", "support"]);
    let json: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(json["decision"]["rule"], "positive");
    assert_eq!(json["decision"]["scorer"], "support");
    assert_eq!(json["words"][1]["word"], "love it");
}

#[test]
fn a_file_of_texts_is_explained_line_by_line() {
    let plain = file("plain.txt", "good\n\nbad\n");
    assert_eq!(succeed(&["--file", &plain]).matches("  rule ").count(), 2);
    let json = file(
        "texts.jsonl",
        "{\"text\": \"good\", \"platform\": \"x\"}\n{\"text\": \"bad\"}\n",
    );
    assert_eq!(succeed(&["--file", &json, "--json"]).lines().count(), 2);
}

#[test]
fn labelled_texts_give_a_confusion_table_and_the_words_that_mislead() {
    let rows = "text,label\nI hate it,negative\nplease help me,negative\nwhat time is it?,neutral\nI love it,POS\n";
    let out = succeed(&["--labelled", &file("labelled.csv", rows)]);
    for line in [
        "4 texts",
        "  negative           1         0         1  0.667",
        "  neutral            0         1         0  1.000",
        "  positive           0         0         1  0.667",
        "  macro F1                                 0.778",
        "  negatives escalated                      50.0 %",
        "  negatives sent to the positive skill     50.0 %",
    ] {
        assert!(out.contains(line), "{line} is missing in:\n{out}");
    }
    assert!(
        out.contains("  help                       1      0  +1.70"),
        "{out}"
    );
    let json = "{\"text\": \"I hate it\", \"label\": \"neg\"}\n";
    let report: serde_json::Value = serde_json::from_str(&succeed(&[
        "--json",
        "--labelled",
        &file("labelled.jsonl", json),
    ]))
    .unwrap();
    assert_eq!(
        report["confusion"],
        serde_json::json!([[1, 0, 0], [0, 0, 0], [0, 0, 0]])
    );
    assert_eq!(report["negatives_escalated"], 1.0);
    assert_eq!(
        report["macro_f1"], 1.0,
        "the labels that no text has don't count"
    );
}

#[test]
fn a_replay_shows_which_interactions_changed_rules_would_move() {
    let rules = file(
        "rules.json",
        r#"{"version": "strict", "rules": [
            {"name": "negative", "label": "negative", "when": {"score": {"below": -0.05}},
             "skills": ["social-escalation", "sentiment-negative"]},
            {"name": "positive", "label": "positive", "when": {"score": {"above": 0.3}},
             "skills": ["social-support", "sentiment-positive"]},
            {"name": "neutral", "skills": ["social-support", "sentiment-neutral"]}]}"#,
    );
    let payload = r#"{"contact_id":"c","thread_id":"t","social_profile":{"platform":"x","user_id":"u","display_name":"n"},"messages":[{"text":"no","from_id":"u","timestamp":"2026-11-22T09:48:00Z"}],"event_timestamp":"2026-11-22T09:48:00Z"}"#;
    let past = format!(
        "{{\"interaction_id\": \"a-1\", \"text\": \"no\"}}\n{{\"text\": \"I hate it\"}}\n{payload}\n{{\"text\": \"good\"}}\n"
    );
    let out = succeed(&["--replay", &file("past.jsonl", &past), "--rules", &rules]);
    for line in [
        "2 of 4 interactions would move (rules built-in-1 to strict)",
        "       2  neutral to negative",
        "  a-1  score -0.2960",
        "  line 3  score -0.2960",
        "      to    social-escalation, sentiment-negative, priority 5",
    ] {
        assert!(out.contains(line), "{line} is missing in:\n{out}");
    }
}

#[test]
fn bad_input_gets_a_sentence_without_the_customers_words() {
    let secret = "{\"text\": 5, \"secret\": \"mother's maiden name\"}\n";
    for (arguments, sentence) in [
        (vec!["--file", "nowhere.txt"], "nowhere.txt: can't be read"),
        (vec!["--file", &file("empty.txt", "\n")], "holds no text"),
        (
            vec!["--file", &file("type.jsonl", secret)],
            "line 1: `text` is missing or of the wrong type",
        ),
        (
            vec![
                "--file",
                &file("broken.jsonl", "{\"text\": \"a\"}\n{\"text\n"),
            ],
            "line 2: is not JSON",
        ),
        (
            vec!["--labelled", &file("label.csv", "text,label\nhi,angry\n")],
            "line 2: `label` must be negative, neutral or positive",
        ),
        (
            vec!["--labelled", &file("head.csv", "message,mood\nhi,angry\n")],
            "must name the columns `text` and `label`",
        ),
        (
            vec!["--labelled", &file("ragged.csv", "text,label\na,b,c\n")],
            "line 2: has another number of columns",
        ),
        (
            vec!["--labelled", &file("missing.jsonl", "{\"text\": \"a\"}\n")],
            "line 1: `label` is missing",
        ),
        (
            vec![
                "hi",
                "--rules",
                &file("bad-rules.json", r#"{"rules": [{"name": "a"}]}"#),
            ],
            "rules[0]",
        ),
        (
            vec![
                "--replay",
                &file("p.jsonl", secret),
                "--rules",
                &file("ok-rules.json", "{}"),
            ],
            "line 1: `text` is missing",
        ),
        (vec!["--replay", "x"], "--rules"),
        (vec!["hi", "--scorer", "best"], "`vader` or `support`"),
        (vec![], "required"),
    ] {
        let problem = fail(&arguments);
        assert!(
            problem.contains(sentence),
            "{sentence} is not in: {problem}"
        );
        assert!(!problem.contains("maiden"), "{problem}");
    }
}
