//! When there is nothing to look at, or nobody to look.

use std::net::TcpListener;
use std::process::Stdio;

use manifold_compose::Cluster;
use rustix::process::{Pid, Signal, kill_process};

use crate::app::{App, environment};
use crate::command::{album, command, fails, succeeds, texts};

const EACH: [&[&str]; 5] = [
    &["ls"],
    &["get", "x"],
    &["clear", "x"],
    &["clear", "--prefix", "x"],
    &["clear", "--all"],
];

#[test]
fn without_servers_it_says_where_to_get_some() {
    for arguments in EACH {
        let said = fails(arguments, &[]);
        assert!(said.contains("no servers are configured"), "{said}");
        assert!(said.contains("make demo"), "{said}");
    }
}

#[test]
fn without_a_redis_that_answers_it_says_what_to_do() {
    let cluster = Cluster::start().unwrap();
    let mut environment = environment(&cluster);
    cluster.redis().unwrap().kill().unwrap();
    let address = format!("127.0.0.1:{}", cluster.redis().unwrap().port());
    for arguments in EACH {
        let said = fails(arguments, &environment);
        assert!(
            said.contains(&address) && said.contains("REDIS_URL"),
            "{said}"
        );
    }
    environment.retain(|(name, _)| name != "REDIS_URL");
    for arguments in EACH {
        let said = fails(arguments, &environment);
        assert!(said.contains("no Redis is configured"), "{said}");
    }
}

#[test]
fn what_is_to_be_dropped_is_said_exactly_once() {
    for arguments in [
        &["clear"][..],
        &["clear", "x", "--all"],
        &["clear", "--prefix", "x", "--all"],
        &["clear", "x", "--prefix", "x"],
    ] {
        let said = fails(arguments, &[]);
        assert!(said.contains("Usage: "), "{said}");
    }
}

#[test]
fn a_reader_who_has_read_enough_is_no_failure() {
    let app = App::start();
    app.get("/api/album/5");
    for arguments in [&["ls"][..], &["get", &album(5)]] {
        let mut command = command(arguments, &app.servers);
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let ended = child.wait_with_output().unwrap();
        assert!(ended.status.success(), "{}", texts(&ended).1);
    }
    // It was there to be written.
    assert!(succeeds(&["ls"], &app.servers).contains(&album(5)));
}

#[test]
fn ctrl_c_ends_it_and_what_may_not_be_dropped_is_a_failure() {
    for (arguments, succeeds) in [(&["ls"][..], true), (&["clear", "--all"], false)] {
        // A server that takes the connection and says nothing.
        let silent = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("postgres://app:app@{}/app", silent.local_addr().unwrap());
        let environment = [("DATABASE_PRIMARY_URL".to_owned(), url)];
        let child = command(arguments, &environment)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let _connected = silent.accept().unwrap();
        kill_process(Pid::from_child(&child), Signal::INT).unwrap();
        let ended = child.wait_with_output().unwrap();
        let said = texts(&ended).1;
        assert_eq!(ended.status.code(), Some(i32::from(!succeeds)), "{said}");
        assert_eq!(said.contains("drop it again"), !succeeds, "{said}");
    }
}
