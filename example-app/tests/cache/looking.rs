//! What is listed, shown and dropped.

use manifold_compose::Cluster;
use serde_json::Value;

use crate::app::{App, environment};
use crate::command::{album, fails, redis, succeeds};

#[test]
fn what_an_instance_has_loaded_is_listed_and_shown_by_its_name() {
    let app = App::start();
    let (loaded, post) = (app.get("/api/album/5"), app.get("/api/post/1"));
    let listed = succeeds(&["ls"], &app.servers);
    assert!(listed.contains(&format!("  {}\n", album(5))), "{listed}");
    assert!(
        listed.contains("example_app::store::posts::Posts::by_id(1i32)"),
        "{listed}"
    );
    assert!(listed.contains("2 answers, "), "{listed}");
    let albums = succeeds(&["ls", "--prefix", &album(5)], &app.servers);
    assert!(
        albums.contains("1 answer, ") && !albums.contains("Posts"),
        "{albums}"
    );
    let none = succeeds(&["ls", "--prefix", "*"], &app.servers);
    assert!(none.contains("0 answers"), "{none}");

    let json = |key: &str| serde_json::from_str::<Value>(&succeeds(&["get", key], &app.servers));
    assert_eq!(json(&album(5)).unwrap(), loaded.body);
    let name = "example_app::store::posts::Posts::by_id(1i32)";
    assert_eq!(json(name).unwrap(), post.body);
    let said = fails(&["get", &album(6)], &app.servers);
    assert!(
        said.contains("is not cached") && said.contains("cache ls"),
        "{said}"
    );
    // Nothing of that has loaded it.
    let route = app.get("/api/album/6").route.unwrap();
    assert!(route.starts_with("replica-"), "{route}");
}

#[test]
fn what_is_dropped_is_loaded_again_and_a_running_instance_is_told_of() {
    let app = App::start();
    for id in [5, 6, 7] {
        app.get(&format!("/api/album/{id}"));
    }
    let dropped = succeeds(&["clear", &album(5)], &app.servers);
    assert!(dropped.contains("dropped 1 answer in Redis"), "{dropped}");
    assert!(dropped.contains("(l1) for up to 10s"), "{dropped}");
    assert!(succeeds(&["clear", &album(5)], &app.servers).contains("dropped 0 answers"));
    let fresh = App::start_on(&app.servers);
    let route = |path| fresh.get(path).route.unwrap();
    assert!(route("/api/album/5").starts_with("replica-"));
    assert_eq!(route("/api/album/6"), "l2");

    // 5 again, which the fresh instance has loaded, and 6 and 7.
    let prefix = "example_app::store::albums::Albums::by_id(6";
    assert!(succeeds(&["clear", "--prefix", prefix], &app.servers).contains("dropped 1 answer "));
    let all = succeeds(&["clear", "--all"], &app.servers);
    assert!(all.contains("dropped 2 answers"), "{all}");
    assert!(succeeds(&["ls"], &app.servers).contains("0 answers"));
}

#[test]
fn another_applications_answers_on_the_same_redis_stay() {
    let cluster = Cluster::start().unwrap();
    let environment = environment(&cluster);
    let mut others = environment.clone();
    others.push(("MANIFOLD_NAMESPACE".to_owned(), "other".to_owned()));
    let apps = [App::start_on(&environment), App::start_on(&others)];
    for app in &apps {
        app.get("/api/album/5");
    }
    assert!(succeeds(&["clear", "--all"], &environment).contains("dropped 1 answer "));
    assert!(succeeds(&["ls"], &others).contains("1 answer, "));
}

#[test]
fn a_strangers_key_is_shown_and_steers_no_terminal() {
    let cluster = Cluster::start().unwrap();
    let environment = environment(&cluster);
    let app = App::start_on(&environment);
    app.get("/api/album/5");
    let listed = succeeds(&["ls"], &environment);
    let (_, namespace) = listed.trim_end().rsplit_once(" in ").unwrap();
    let port = cluster.redis().unwrap().port();
    let ours = format!("{namespace}{}", album(5));
    // One that could clear the screen, and one whose type no program of ours knows.
    for name in [&b"\x1b[2J\xff\r\n"[..], b"other::of(1i32)"] {
        let theirs = [namespace.as_bytes(), name].concat();
        assert_eq!(redis(port, &[b"COPY", ours.as_bytes(), &theirs]), ":1");
    }
    let listed = succeeds(&["ls"], &environment);
    assert!(listed.contains(r"  \u{1b}[2J\xff\r\n"), "{listed}");
    assert!(
        !listed.contains(|c: char| c.is_control() && c != '\n'),
        "{listed:?}"
    );
    let shown = succeeds(&["get", "other::of(1i32)"], &environment);
    assert!(
        shown.starts_with("name       other::of(1i32)\ntime left  "),
        "{shown}"
    );
    assert!(succeeds(&["clear", "--all"], &environment).contains("dropped 3 answers"));
}

#[test]
fn a_title_steers_no_terminal() {
    let cluster = Cluster::start().unwrap();
    let environment = environment(&cluster);
    let app = App::start_on(&environment);
    let title = "\u{9b}2J\u{1b}[2J\u{202e}";
    let body = serde_json::json!({ "title": title }).to_string();
    let path = app.ask("POST", "/api/album", Some(&body)).location.unwrap();
    assert_eq!(app.get(&path).status, 200);
    let shown = succeeds(&["get", &album(348)], &environment);
    let steers = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
    assert!(!shown.contains(steers), "{shown:?}");
    assert_eq!(
        serde_json::from_str::<Value>(&shown).unwrap()["title"],
        title
    );
}
