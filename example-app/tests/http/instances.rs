//! Starting and ending: alone, beside another instance, in the middle of a request.

use std::io::{Read, Write};
use std::net::TcpStream;

use manifold_compose::Cluster;

use crate::app::{App, Starting, environment, eventually};

#[test]
fn a_second_instance_finds_in_redis_what_the_first_has_loaded() {
    let first = App::start();
    let loaded = first.get("/api/album/5");
    let second = App::start_on(&first.servers);
    let found = second.get("/api/album/5");
    assert_eq!(found.route.as_deref(), Some("l2"));
    assert_eq!(found.body, loaded.body);
    assert_eq!(second.get("/api/album/5").route.as_deref(), Some("l1"));
    // It loaded nothing again.
    assert_eq!(
        second
            .get("/api/albums?after=347")
            .body
            .as_array()
            .unwrap()
            .len(),
        0
    );
}

#[test]
fn of_two_instances_that_start_at_once_one_prepares_the_servers() {
    let cluster = Cluster::start().unwrap();
    let environment = environment(&cluster);
    let starting = [(); 2].map(|()| Starting::new(&environment));
    let mut apps = starting.map(Starting::ready);
    let logs = apps.each_mut().map(|app| {
        let last = app.get("/api/albums?after=346&limit=100");
        assert_eq!(
            last.body.as_array().unwrap().len(),
            1,
            "loaded once: {}",
            last.body
        );
        app.terminate();
        let (status, log) = app.ended();
        assert!(status.success(), "{log}");
        log
    });
    for once in ["migrated", "sample data loaded"] {
        let said = logs.iter().filter(|log| log.contains(once)).count();
        assert_eq!(said, 1, "{once}: {logs:?}");
    }
    // The servers are not theirs, and stay.
    assert_eq!(
        cluster
            .primary()
            .run_sql("app", "select count(*) from song")
            .unwrap(),
        "3503"
    );
}

#[test]
fn sigterm_ends_it_with_success_and_leaves_no_server_behind() {
    let mut app = App::start();
    assert!(app.is_anybody_there());
    app.terminate();
    let (status, log) = app.ended();
    assert!(status.success(), "{status}: {log}");
    assert!(!app.is_anybody_there());
}

#[test]
fn a_request_under_way_is_finished_before_the_end() {
    let app = App::start();
    let slow = app.connect();
    assert_finishes(app, slow);
}

/// A request that the client completes only after the application was asked to stop.
pub fn assert_finishes(mut app: App, mut slow: impl Read + Write) {
    let body = r#"{ "title": "Just in Time" }"#;
    let head = format!(
        "POST /api/album HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n\
         content-length: {}\r\nexpect: 100-continue\r\n\r\n",
        body.len()
    );
    slow.write_all(head.as_bytes()).unwrap();
    // The handler asks for the body: the request is under way.
    let mut proceed = [0; b"HTTP/1.1 100 Continue\r\n\r\n".len()];
    slow.read_exact(&mut proceed).unwrap();
    app.terminate();
    eventually("no new connections are taken", || {
        TcpStream::connect(&app.address).err()
    });
    slow.write_all(body.as_bytes()).unwrap();
    let mut answer = String::new();
    slow.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 201 Created"), "{answer}");
    let (status, log) = app.ended();
    assert!(status.success() && !log.contains("cut off"), "{log}");
}

#[test]
fn an_address_in_use_is_said_at_once() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let (status, said) = Starting::with_arguments(&["--listen", &address], &[]).failed();
    assert!(!status.success());
    assert!(said.contains(&format!("{address} is in use")), "{said}");
    assert!(said.contains("--listen"), "{said}");
}

#[test]
fn a_configuration_that_cannot_work_is_said() {
    let wrong = |name: &str, value: &str| {
        let environment = [(name.to_owned(), value.to_owned())];
        let (status, said) = Starting::new(&environment).failed();
        assert!(!status.success());
        said
    };
    let no_primary = wrong(
        "DATABASE_REPLICA_URLS",
        "postgres://app:app@127.0.0.1:1/app",
    );
    assert!(no_primary.contains("DATABASE_PRIMARY_URL"), "{no_primary}");
    let nobody_there = wrong("DATABASE_URL", "postgres://app:app@127.0.0.1:1/app");
    assert!(nobody_there.contains("127.0.0.1:1"), "{nobody_there}");
}
