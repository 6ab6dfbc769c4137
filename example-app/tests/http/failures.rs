//! What a wrong request answers: the right status, and a problem that says what is wrong.

use serde_json::json;

use crate::app::{Answer, App, environment, eventually};

/// Method, path, body; the status, and what is said.
type Case<'a> = (&'a str, &'a str, Option<&'a str>, u16, &'a str);

#[test]
fn every_wrong_request_is_a_problem_that_says_why() {
    let app = App::start();
    let long = "x".repeat(201);
    let title = format!(r#"{{ "title": "{long}" }}"#);
    let artist = format!(r#"{{ "title": "x", "artist": "{long}" }}"#);
    let songs = json!({ "title": "x", "songs": vec![json!({ "title": "x" }); 501] }).to_string();
    // One byte too many: it is read to its end, so that the client gets to hear the answer.
    let large = format!("{{}}{}", " ".repeat((1 << 20) - 1));
    #[rustfmt::skip]
    let cases: &[Case<'_>] = &[
        ("POST", "/api/album", Some("{"), 400, "JSON"),
        ("POST", "/api/album", Some("[]"), 422, "an object with a `title`"),
        ("POST", "/api/album", Some("{}"), 422, "missing field `title`"),
        ("POST", "/api/album", Some(r#"{ "title": 1 }"#), 422, "title"),
        ("POST", "/api/album", Some(r#"{ "titel": "x" }"#), 422, "unknown field `titel`"),
        ("POST", "/api/album", Some(r#"{ "title": "" }"#), 422, "title must not be empty"),
        ("POST", "/api/album", Some(r#"{ "title": "  " }"#), 422, "title must not be empty"),
        ("POST", "/api/album", Some(r#"{ "title": "a\u0000b" }"#), 422, "NUL"),
        ("POST", "/api/album", Some(&title), 422, "title must have at most 200 characters"),
        ("POST", "/api/album", Some(&artist), 422, "artist must have at most 200 characters"),
        ("POST", "/api/album", Some(&songs), 422, "songs must be at most 500, and are 501"),
        ("POST", "/api/album", Some(&large), 413, "length limit"),
        ("POST", "/api/album", None, 415, "application/json"),
        ("PATCH", "/api/album/1", Some("nonsense"), 400, "JSON"),
        ("PATCH", "/api/album/1", Some(r#"{ "title": "" }"#), 422, "title must not be empty"),
        ("PATCH", "/api/album/1", Some(r#"{ "title": null }"#), 422, "title"),
        ("PATCH", "/api/album/1", Some(r#"{ "artist": " " }"#), 422, "artist must not be empty"),
        ("PATCH", "/api/album/9999", Some(r#"{ "title": "x" }"#), 404, "there is no album 9999"),
        ("GET", "/api/album/9999", None, 404, "there is no album 9999"),
        ("GET", "/api/album/-1", None, 404, "there is no album -1"),
        ("GET", "/api/album/99999999999", None, 404, "there is nothing at /api/album/99999999999"),
        ("GET", "/api/album/five", None, 400, "whole number"),
        ("DELETE", "/api/album/9999", None, 404, "there is no album 9999"),
        ("GET", "/api/albums?limit=0", None, 400, "limit must be a whole number from 1 to 100"),
        ("GET", "/api/albums?limit=101", None, 400, "limit must be a whole number from 1 to 100"),
        ("GET", "/api/albums?limit=ten", None, 400, "limit must be a whole number from 1 to 100"),
        ("GET", "/api/albums?after=-1", None, 400, "after must be a whole number from 0"),
        ("GET", "/api/nothing", None, 404, "there is nothing at /api/nothing"),
        ("GET", "/", None, 404, "there is nothing at /"),
        ("PUT", "/api/album/1", Some("{}"), 405, "/api/album/1 does not take PUT"),
    ];
    assert_problems(&app, cases);
}

#[test]
fn every_wrong_request_about_blogs_is_one_too() {
    let app = App::start();
    let some_post = r#"{ "title": "x", "body": "x" }"#;
    let some_comment = r#"{ "author": "x", "body": "x" }"#;
    let post = json!({ "title": "x", "body": "x".repeat(20_001) }).to_string();
    let comment = json!({ "author": "x", "body": "x".repeat(2_001) }).to_string();
    #[rustfmt::skip]
    let cases: &[Case<'_>] = &[
        ("POST", "/api/blog", Some("{}"), 422, "missing field `name`"),
        ("POST", "/api/blog", Some(r#"{ "name": "" }"#), 422, "name must not be empty"),
        ("POST", "/api/blog/1/post", Some(r#"{ "title": "x" }"#), 422, "missing field `body`"),
        ("POST", "/api/blog/1/post", Some(&post), 422, "body must have at most 20000 characters"),
        ("POST", "/api/blog/9999", Some(some_post), 404, "there is nothing at /api/blog/9999"),
        ("POST", "/api/blog/9999/post", Some(some_post), 404, "there is no blog 9999"),
        ("POST", "/api/blog/-1/post", Some(some_post), 404, "there is no blog -1"),
        ("POST", "/api/blog/first/post", Some(some_post), 400, "whole number"),
        ("PATCH", "/api/post/1", Some(r#"{ "body": null }"#), 422, "body"),
        ("PATCH", "/api/post/1", Some(r#"{ "id": 2 }"#), 422, "unknown field `id`"),
        ("PATCH", "/api/post/9999", Some("{}"), 404, "there is no post 9999"),
        ("PATCH", "/api/post/9999", Some(r#"{ "title": "x" }"#), 404, "there is no post 9999"),
        ("GET", "/api/post/9999", None, 404, "there is no post 9999"),
        ("POST", "/api/post/1/comment", Some(&comment), 422, "body must have at most 2000 characters"),
        ("POST", "/api/post/1/comment", Some(r#"{ "body": "x" }"#), 422, "missing field `author`"),
        ("POST", "/api/post/9999/comment", Some(some_comment), 404, "there is no post 9999"),
        ("GET", "/api/posts?limit=101", None, 400, "limit must be a whole number from 1 to 100"),
        ("GET", "/api/posts?blog=0", None, 400, "blog must be a whole number from 1 to 2147483647"),
        ("GET", "/api/posts?blog=2147483648", None, 400, "blog must be a whole number"),
    ];
    assert_problems(&app, cases);
}

#[test]
fn all_mistakes_of_a_request_are_named_at_once() {
    let app = App::start();
    let body = r#"{ "title": "", "songs": [{ "title": "x" }, { "title": "" }] }"#;
    let answer = app.ask("POST", "/api/album", Some(body));
    assert_eq!(
        answer.body["errors"],
        json!([
            { "field": "title", "detail": "must not be empty" },
            { "field": "songs[1].title", "detail": "must not be empty" },
        ])
    );
    let answer = app.get("/api/albums?after=-1&limit=1000");
    assert_eq!(answer.body["errors"].as_array().unwrap().len(), 2);
    let answer = app.get("/api/posts?blog=x&after=-1&limit=1000");
    assert_eq!(answer.body["errors"].as_array().unwrap().len(), 3);
}

#[test]
fn without_its_database_the_api_asks_for_patience_and_says_nothing_else() {
    let cluster = manifold_compose::Cluster::builder()
        .replicas(0)
        .redis(false)
        .start()
        .unwrap();
    let app = App::start_on(&environment(&cluster));
    assert_eq!(app.get("/api/album/7").route.as_deref(), Some("primary"));
    // The sample data came without a word about cached answers, so one counts from the next poll of the
    // primary's position on.
    eventually("it is cached", || {
        (app.get("/api/album/7").route.as_deref() == Some("l1")).then_some(())
    });
    cluster.primary().kill().unwrap();
    let requests = [
        app.get("/api/album/5"),
        app.ask("POST", "/api/album", Some(r#"{ "title": "x" }"#)),
    ];
    for answer in requests {
        assert_eq!(answer.status, 503, "{}", answer.body);
        assert!(is_problem(&answer));
        assert_eq!(answer.retry_after.as_deref(), Some("2"));
        assert!(
            !answer.body.to_string().contains("127.0.0.1"),
            "{}",
            answer.body
        );
    }
    assert_eq!(
        app.get("/api/album/7").route.as_deref(),
        Some("l1"),
        "the cache goes on"
    );
    assert_eq!(app.get("/healthz").status, 200);
}

fn assert_problems(app: &App, cases: &[Case<'_>]) {
    for (method, path, body, status, detail) in cases {
        let answer = app.ask(method, path, *body);
        let said = format!("{method} {path}: {} {}", answer.status, answer.body);
        assert_eq!(answer.status, *status, "{said}");
        assert!(is_problem(&answer), "{said}");
        assert!(
            answer.body["detail"].as_str().unwrap().contains(detail),
            "{said}"
        );
        // A call ran only for what was looked for.
        let asked = answer.body["detail"]
            .as_str()
            .is_some_and(|detail| detail.starts_with("there is no "));
        assert_eq!(answer.route.is_some(), asked, "{said}");
    }
}

/// RFC 9457: its media type, and its members.
fn is_problem(answer: &Answer) -> bool {
    answer.content_type.as_deref() == Some("application/problem+json")
        && answer.body["type"] == "about:blank"
        && answer.body["status"] == answer.status
        && answer.body["title"]
            .as_str()
            .is_some_and(|title| !title.is_empty())
        && answer.body["detail"]
            .as_str()
            .is_some_and(|detail| !detail.is_empty())
}
