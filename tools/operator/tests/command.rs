//! The command as an operator runs it.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _, pipe};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::thread;

/// A stack without resources, as CloudFormation lists it:
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ListStackResources.html>.
const NO_RESOURCES: &str = "<ListStackResourcesResponse><ListStackResourcesResult>\
    <StackResourceSummaries/></ListStackResourcesResult></ListStackResourcesResponse>";

/// Takes one request whole and answers it.
fn answer(stream: TcpStream, body: &str) {
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
    stream.read_exact(&mut vec![0; length]).unwrap();
    let head = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: text/xml\r\nContent-Length";
    write!(stream.get_mut(), "{head}: {}\r\n\r\n{body}", body.len()).unwrap();
}

#[test]
fn output_that_nobody_reads_to_its_end_ends_the_command_quietly() {
    let place = Path::new(env!("CARGO_TARGET_TMPDIR")).join("operator");
    fs::create_dir_all(place.join("target/local")).unwrap();
    let aws = TcpListener::bind("127.0.0.1:0").unwrap();
    let stack = format!(
        r#"{{"aws_endpoint_url":"http://{}","region":"us-east-1","access_key_id":"a","stack_name":"s"}}"#,
        aws.local_addr().unwrap()
    );
    fs::write(place.join("target/local/stack.json"), stack).unwrap();
    fs::write(place.join("rules.json"), "{}").unwrap();
    let aws = thread::spawn(move || answer(aws.accept().unwrap().0, NO_RESOURCES));

    let (reader, writer) = pipe().unwrap();
    drop(reader);
    let ended = Command::new(env!("CARGO_BIN_EXE_operator"))
        .args(["rules-put", "--check", "rules.json"])
        .current_dir(&place)
        .stdout(writer)
        .output()
        .unwrap();

    aws.join().unwrap();
    assert_eq!(String::from_utf8(ended.stderr).unwrap(), "");
    assert!(ended.status.success(), "{}", ended.status);
}
