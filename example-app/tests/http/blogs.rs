//! The life of a blog: posts and comments, written and read.
//!
//! As with albums, nobody waits for a replica here: the client's session does.

use serde_json::{Value, json};

use crate::app::App;

#[test]
fn the_first_start_brings_a_blog_and_its_page_comes_from_one_replica() {
    let app = App::start();
    let page = app.get("/api/posts");
    assert!(
        page.route
            .as_deref()
            .is_some_and(|route| route.starts_with("replica-")),
        "{:?}",
        page.route
    );
    let posts = page.body.as_array().unwrap();
    let comments = |post: &Value| post["comments"].as_array().unwrap().len();
    assert_eq!(posts.iter().map(comments).collect::<Vec<_>>(), [2, 1, 0]);
    let comment = &posts[1]["comments"][0];
    let expected = json!({
        "id": comment["id"], "author": "Ada", "body": "So this one was read from the database again.",
    });
    assert_eq!(comment, &expected);
    // RFC 3339, with its zone.
    let created = posts[0]["created_at"].as_str().unwrap();
    assert!(created.contains('T') && created.ends_with('Z'), "{created}");
}

#[test]
fn a_post_is_published_commented_and_edited() {
    let app = App::start();
    let blog = id(&app, "/api/blog", &json!({ "name": "Practice" }));
    let new = json!({ "title": "Scales", "body": "Every day." });
    let post = id(&app, &format!("/api/blog/{blog}/post"), &new);
    let path = format!("/api/post/{post}");
    let expected = |title: &str, comments: Value| {
        let created = &app.get(&path).body["created_at"];
        json!({
            "id": post, "blog_id": blog, "title": title, "body": "Every day.",
            "created_at": created, "comments": comments,
        })
    };
    assert_eq!(app.get(&path).body, expected("Scales", json!([])));
    assert_eq!(app.get(&path).route.as_deref(), Some("l1"));

    // For a minute it would be kept; only the invalidations explain what follows.
    let new = json!({ "author": "Clara", "body": "Slowly!" });
    let comment = id(&app, &format!("{path}/comment"), &new);
    let comments = json!([{ "id": comment, "author": "Clara", "body": "Slowly!" }]);
    let commented = app.get(&path);
    assert_ne!(commented.route.as_deref(), Some("l1"));
    assert_eq!(commented.body, expected("Scales", comments.clone()));

    let edited = app.ask("PATCH", &path, Some(r#"{ "title": "Arpeggios" }"#));
    assert_eq!(
        (edited.status, edited.route.as_deref()),
        (200, Some("primary"))
    );
    assert_eq!(edited.body, expected("Arpeggios", comments));
    assert_eq!(app.get(&path).body, edited.body);
    let nothing = app.ask("PATCH", &path, Some("{}"));
    assert_eq!(nothing.body, edited.body, "an empty change changes nothing");
    let page = app.get(&format!("/api/posts?blog={blog}"));
    assert_eq!(page.body, json!([edited.body]));
}

#[test]
fn pages_lead_through_one_blog_or_all_and_give_each_post_its_own_comments() {
    let app = App::start();
    let sample = ids(&app.get("/api/posts").body);
    let blogs = ["Odd", "Even"].map(|name| id(&app, "/api/blog", &json!({ "name": name })));
    let mut posts = [Vec::new(), Vec::new()];
    for at in 0..6 {
        let of = at % 2;
        let new = json!({ "title": format!("{at}"), "body": "x" });
        let post = id(&app, &format!("/api/blog/{}/post", blogs[of]), &new);
        for comment in 0..at {
            let new = json!({ "author": "x", "body": format!("{comment} on {at}") });
            id(&app, &format!("/api/post/{post}/comment"), &new);
        }
        posts[of].push(post);
    }
    let page = |query: String| app.get(&format!("/api/posts?{query}")).body;
    let all = page(format!("after={}", sample.last().unwrap()));
    let mut expected = posts.concat();
    expected.sort_unstable();
    assert_eq!(ids(&all), expected);
    for (at, post) in all.as_array().unwrap().iter().enumerate() {
        let said: Vec<_> = post["comments"]
            .as_array()
            .unwrap()
            .iter()
            .map(|comment| comment["body"].clone())
            .collect();
        let expected: Vec<_> = (0..at)
            .map(|comment| json!(format!("{comment} on {at}")))
            .collect();
        assert_eq!(said, expected, "oldest first, and no other post's");
    }
    let [odd, even] = blogs;
    assert_eq!(ids(&page(format!("blog={odd}&after=&limit="))), posts[0]);
    let behind_first = page(format!("blog={even}&after={}&limit=1", posts[1][0]));
    assert_eq!(ids(&behind_first), [posts[1][1]]);
    assert_eq!(
        page("blog=2147483647".to_owned()),
        json!([]),
        "no such blog has no posts"
    );
    assert_eq!(page("after=99999999999".to_owned()), json!([]));
}

/// Makes something: it is created on the primary, and where it says it is, it can be read.
fn id(app: &App, path: &str, new: &Value) -> i64 {
    let created = app.ask("POST", path, Some(&new.to_string()));
    assert_eq!(
        (created.status, created.route.as_deref()),
        (201, Some("primary")),
        "{}",
        created.body
    );
    assert!(created.location.unwrap().starts_with("/api/post"));
    created.body["id"].as_i64().unwrap()
}

fn ids(page: &Value) -> Vec<i64> {
    let rows = page.as_array().unwrap().iter();
    rows.map(|row| row["id"].as_i64().unwrap()).collect()
}
