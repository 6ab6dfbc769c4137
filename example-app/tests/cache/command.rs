//! One run of `cache`, and a word with Redis past the example.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Command, Output};
use std::time::Duration;

use crate::app::program;

/// The name of the album with this id.
pub fn album(id: u32) -> String {
    format!("example_app::store::albums::Albums::by_id({id}i32)")
}

/// `cache` with these arguments, about to run.
pub fn command(arguments: &[&str], environment: &[(String, String)]) -> Command {
    let mut command = program(environment);
    command.arg("cache").args(arguments);
    command
}

/// What it prints if it succeeds.
pub fn succeeds(arguments: &[&str], environment: &[(String, String)]) -> String {
    let output = command(arguments, environment).output().unwrap();
    let (stdout, stderr) = texts(&output);
    assert!(output.status.success(), "{arguments:?}: {stdout}{stderr}");
    stdout
}

/// What it says if it fails; then it prints nothing.
pub fn fails(arguments: &[&str], environment: &[(String, String)]) -> String {
    let output = command(arguments, environment).output().unwrap();
    let (stdout, stderr) = texts(&output);
    assert!(!output.status.success(), "{arguments:?}: {stdout}{stderr}");
    assert_eq!(stdout, "", "{arguments:?}");
    stderr
}

/// What it printed, and what it said.
pub fn texts(output: &Output) -> (String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (text(&output.stdout), text(&output.stderr))
}

/// Sends a command to Redis that answers in one line.
pub fn redis(port: u16, words: &[&[u8]]) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let limit = Some(Duration::from_secs(30));
    stream.set_read_timeout(limit).unwrap();
    let mut message = format!("*{}\r\n", words.len()).into_bytes();
    for word in words {
        message.extend(format!("${}\r\n", word.len()).bytes());
        message.extend_from_slice(word);
        message.extend(b"\r\n");
    }
    stream.write_all(&message).unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        answer.push(byte[0]);
    }
    String::from_utf8(answer).unwrap().trim_end().to_owned()
}
