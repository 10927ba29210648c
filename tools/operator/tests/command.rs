//! The command as an operator runs it.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::io::{BufRead as _, BufReader, ErrorKind, Read as _, Write as _, pipe};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

/// A folder in which the local stack is one whose AWS is this listener.
fn beside(aws: &TcpListener, name: &str) -> PathBuf {
    let place = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::create_dir_all(place.join("target/local")).unwrap();
    let stack = format!(
        r#"{{"aws_endpoint_url":"http://{}","region":"us-east-1","access_key_id":"a","stack_name":"s"}}"#,
        aws.local_addr().unwrap()
    );
    fs::write(place.join("target/local/stack.json"), stack).unwrap();
    place
}

fn operator(place: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_operator"));
    command.current_dir(place);
    command
}

/// A stack with these resources, as CloudFormation lists it:
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ListStackResources.html>.
fn resources(names: &[&str]) -> String {
    let member = |name: &&str| {
        format!(
            "<member><LogicalResourceId>{name}</LogicalResourceId>\
             <PhysicalResourceId>{name}</PhysicalResourceId></member>"
        )
    };
    let members: String = names.iter().map(member).collect();
    format!(
        "<ListStackResourcesResponse><ListStackResourcesResult><StackResourceSummaries>{members}\
         </StackResourceSummaries></ListStackResourcesResult></ListStackResourcesResponse>"
    )
}

/// Takes one request whole and gives its body.
fn take(stream: &TcpStream) -> String {
    let mut stream = BufReader::new(stream);
    let mut length = 0;
    let mut line = String::new();
    while stream.read_line(&mut line).unwrap() > 2 {
        let (name, value) = line.split_once(':').unwrap_or_default();
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse().unwrap();
        }
        line.clear();
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).unwrap();
    String::from_utf8(body).unwrap()
}

fn answer(mut stream: TcpStream, body: &str) {
    let head = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length";
    write!(stream, "{head}: {}\r\n\r\n{body}", body.len()).unwrap();
}

#[test]
fn output_that_nobody_reads_to_its_end_ends_the_command_quietly() {
    let aws = TcpListener::bind("127.0.0.1:0").unwrap();
    let place = beside(&aws, "quietly");
    fs::write(place.join("rules.json"), "{}").unwrap();
    let aws = thread::spawn(move || {
        let stream = aws.accept().unwrap().0;
        take(&stream);
        answer(stream, &resources(&[]));
    });

    let (reader, writer) = pipe().unwrap();
    drop(reader);
    let ended = operator(&place)
        .args(["rules-put", "--check", "rules.json"])
        .stdout(writer)
        .output()
        .unwrap();

    aws.join().unwrap();
    assert_eq!(String::from_utf8(ended.stderr).unwrap(), "");
    assert!(ended.status.success(), "{}", ended.status);
}

#[test]
fn a_rotation_without_an_answer_is_not_asked_for_again_and_says_where_to_look() {
    let aws = TcpListener::bind("127.0.0.1:0").unwrap();
    let place = beside(&aws, "rotate");
    let aws = thread::spawn(move || {
        let stream = aws.accept().unwrap().0;
        take(&stream);
        answer(stream, &resources(&["RotateTokensFunction"]));
        let stream = aws.accept().unwrap().0;
        (aws, take(&stream))
    });

    let ended = operator(&place).args(["rotate", "x"]).output().unwrap();

    let (aws, asked) = aws.join().unwrap();
    assert_eq!(asked, r#"{"force":true,"secret":"x"}"#);
    aws.set_nonblocking(true).unwrap();
    assert_eq!(aws.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
    let said = String::from_utf8(ended.stderr).unwrap();
    assert!(said.contains("may have rotated x all the same"), "{said}");
    assert!(said.contains("`make tokens`"), "{said}");
    assert!(!ended.status.success());
}

#[test]
fn the_doctor_counts_what_is_parked_on_every_page() {
    let aws = TcpListener::bind("127.0.0.1:0").unwrap();
    let place = beside(&aws, "doctor");
    let page = |more: &str| {
        format!(
            r#"{{"Count":1,"Items":[{{"pk":{{"S":"interaction#i"}},"sk":{{"S":"routing"}},
            "parked_stage":{{"S":"routing"}},"parked_at":{{"N":"1"}}}}]{more}}}"#
        )
    };
    let first = page(r#","LastEvaluatedKey":{"pk":{"S":"interaction#i"}}"#);
    let last = page("");
    thread::spawn(move || {
        for stream in aws.incoming() {
            let stream = stream.unwrap();
            let asked = take(&stream);
            let said = match asked.as_str() {
                asked if asked.starts_with("Action=") => &resources(&["LedgerTable"]),
                asked if asked.contains("ExclusiveStartKey") => &last,
                asked if asked.contains(r#"{"S":"routing"}"#) => &first,
                _ => "{}",
            };
            answer(stream, said);
        }
    });

    let ended = operator(&place).arg("doctor").output().unwrap();

    let said = String::from_utf8(ended.stdout).unwrap();
    assert!(said.contains("2 interactions are parked"), "{said}");
}

/// What stands behind each `op` of the runbook, which calls the command so.
fn runbook() -> Vec<String> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/runbook.md");
    let text = fs::read_to_string(path).unwrap();
    let lines = text.lines().filter_map(|line| line.strip_prefix("op "));
    let quoted = text.split('`').filter_map(|part| part.strip_prefix("op "));
    let commands = lines.chain(quoted);
    commands
        .map(|command| command.split('#').next().unwrap().trim().to_owned())
        .collect()
}

#[test]
fn the_runbook_names_commands_options_and_tokens_that_there_are() {
    let commands = runbook();
    assert!(commands.len() > 10, "{commands:?}");
    for command in commands {
        let words: Vec<&str> = command.split_whitespace().collect();
        // What stands before --help is read, and nothing is done.
        let ended = operator(Path::new("."))
            .args(&words)
            .arg("--help")
            .output()
            .unwrap();
        let said = String::from_utf8(ended.stderr).unwrap();
        assert!(ended.status.success(), "{command}: {said}");
        if let ["rotate", name] = words[..] {
            let own = [tokens::CXONE, tokens::SIGNING_SECRET];
            assert!(own.contains(&name) || name.starts_with('<'), "{command}");
        }
    }
}
