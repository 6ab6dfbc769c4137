//! The life of an album.
//!
//! A write is on the primary, and a read may come from a replica that has not replayed it yet: the
//! library does not keep a session's reads behind its writes so far. So before a test asserts what a
//! read after a write shows, it waits until the replicas have replayed the write. Polling the album
//! itself would not do: the first old answer would be kept for two minutes.

use manifold_compose::Cluster;
use serde_json::{Value, json};

use crate::app::{App, environment, eventually};

const ALBUM: &str = r#"{
    "title": "Kind of Blue",
    "artist": "Miles Davis",
    "songs": [{ "title": "So What" }, { "title": "Blue in Green" }]
}"#;

#[test]
fn an_album_is_created_changed_and_deleted() {
    let cluster = Cluster::start().unwrap();
    let app = App::start_on(&environment(&cluster));
    let created = app.ask("POST", "/api/album", Some(ALBUM));
    assert_eq!(
        (created.status, created.route.as_deref()),
        (201, Some("primary"))
    );
    let id = created.body["id"].as_i64().unwrap();
    assert_eq!(id, 348, "the sample data has 347");
    let path = format!("/api/album/{id}");
    assert_eq!(created.location.as_deref(), Some(&*path));
    cluster.wait_replayed().unwrap();
    let expected = |title: &str| {
        json!({
            "id": id, "title": title, "artist": "Miles Davis",
            "songs": [
                { "position": 1, "title": "So What", "milliseconds": null },
                { "position": 2, "title": "Blue in Green", "milliseconds": null },
            ],
        })
    };
    assert_eq!(app.get(&path).body, expected("Kind of Blue"));
    assert_eq!(app.get(&path).route.as_deref(), Some("l1"));

    let changed = app.ask("PATCH", &path, Some(r#"{ "title": "Sketches of Spain" }"#));
    assert_eq!(
        (changed.status, changed.route.as_deref()),
        (200, Some("primary"))
    );
    assert_eq!(
        changed.body,
        expected("Sketches of Spain"),
        "it sees its own change"
    );
    cluster.wait_replayed().unwrap();
    // In the cache it was, and for two minutes: only the invalidation explains this.
    assert_eq!(app.get(&path).body, expected("Sketches of Spain"));

    let deleted = app.ask("DELETE", &path, None);
    assert_eq!(
        (deleted.status, deleted.route.as_deref()),
        (204, Some("primary"))
    );
    cluster.wait_replayed().unwrap();
    for method in ["GET", "DELETE"] {
        assert_eq!(app.ask(method, &path, None).status, 404, "{method}");
    }
    assert_eq!(app.ask("PATCH", &path, Some("{}")).status, 404);
}

#[test]
fn the_artist_of_an_album_is_changed_and_taken_away() {
    let app = App::start();
    let change = |body: &str| {
        let changed = app.ask("PATCH", "/api/album/2", Some(body));
        assert_eq!(changed.status, 200, "{body}");
        (
            changed.body["title"].clone(),
            changed.body["artist"].clone(),
        )
    };
    let title = json!("Balls to the Wall");
    assert_eq!(change("{}"), (title.clone(), json!("Accept")));
    assert_eq!(
        change(r#"{ "artist": "AC/DC" }"#),
        (title.clone(), json!("AC/DC"))
    );
    assert_eq!(change(r#"{ "artist": null }"#), (title, Value::Null));
    let both = r#"{ "title": "Wall", "artist": "Somebody New" }"#;
    assert_eq!(change(both), (json!("Wall"), json!("Somebody New")));
}

#[test]
fn an_album_needs_neither_an_artist_nor_songs() {
    let app = App::start();
    let created = app.ask(
        "POST",
        "/api/album",
        Some(r#"{ "title": "Überraschung ✨ 'x'; --" }"#),
    );
    let path = created.location.unwrap();
    // That there is no such album is not cached, so asking early does no harm.
    let album = eventually("a replica has the album", || {
        Some(app.get(&path)).filter(|answer| answer.status == 200)
    });
    assert_eq!(album.body["title"], "Überraschung ✨ 'x'; --");
    assert_eq!(
        (&album.body["artist"], &album.body["songs"]),
        (&Value::Null, &json!([]))
    );
}
