//! The life of an album.
//!
//! A write is on the primary, and a read may come from a replica. Nobody here waits until that has
//! replayed the write: the client's session does.

use serde_json::{Value, json};

use crate::app::App;

const ALBUM: &str = r#"{
    "title": "Kind of Blue",
    "artist": "Miles Davis",
    "songs": [{ "title": "So What" }, { "title": "Blue in Green" }]
}"#;

#[test]
fn an_album_is_created_changed_and_deleted() {
    let app = App::start();
    let created = app.ask("POST", "/api/album", Some(ALBUM));
    assert_eq!(
        (created.status, created.route.as_deref()),
        (201, Some("primary"))
    );
    let id = created.body["id"].as_i64().unwrap();
    assert_eq!(id, 348, "the sample data has 347");
    let path = format!("/api/album/{id}");
    assert_eq!(created.location.as_deref(), Some(&*path));
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
    // In the cache it was, and for two minutes: only the invalidation explains this.
    assert_eq!(app.get(&path).body, expected("Sketches of Spain"));

    let deleted = app.ask("DELETE", &path, None);
    assert_eq!(
        (deleted.status, deleted.route.as_deref()),
        (204, Some("primary"))
    );
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
    let album = app.get(&path);
    assert_eq!(album.status, 200);
    assert_eq!(album.body["title"], "Überraschung ✨ 'x'; --");
    assert_eq!(
        (&album.body["artist"], &album.body["songs"]),
        (&Value::Null, &json!([]))
    );
}
