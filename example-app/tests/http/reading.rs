//! The first start, and reads: from a replica, from the cache, page by page.

use serde_json::{Value, json};

use crate::app::App;

#[test]
fn the_first_start_loads_real_albums_with_known_ids() {
    let app = App::start();
    let first = app.get("/api/album/1");
    assert_eq!(first.status, 200);
    assert_eq!(first.body["id"], 1);
    assert_eq!(first.body["title"], "For Those About To Rock We Salute You");
    assert_eq!(first.body["artist"], "AC/DC");
    let titles: Vec<_> = songs(&first.body).map(|song| &song["title"]).collect();
    assert_eq!(titles.len(), 10);
    assert_eq!(titles[0], "For Those About To Rock (We Salute You)");
    assert_eq!(titles[9], "Spellbound");
    let positions = songs(&first.body).map(|song| song["position"].as_i64().unwrap());
    assert!(positions.eq(1..=10));
}

#[test]
fn a_cached_album_comes_from_a_replica_once_and_from_this_process_then() {
    let app = App::start();
    let loaded = app.get("/api/album/5");
    assert_eq!(loaded.body["title"], "Big Ones");
    assert_eq!(loaded.body["artist"], "Aerosmith");
    assert_eq!(songs(&loaded.body).count(), 15);
    assert_eq!(songs(&loaded.body).next().unwrap()["milliseconds"], 295_680);
    assert!(is_replica(loaded.route.as_deref()), "{:?}", loaded.route);

    let again = app.get("/api/album/5");
    assert_eq!(again.route.as_deref(), Some("l1"));
    assert_eq!(again.body, loaded.body);
}

#[test]
fn pages_lead_through_all_albums_in_id_order() {
    let app = App::start();
    let usual = app.get("/api/albums");
    assert_eq!(ids(&usual.body), (1..=20).collect::<Vec<_>>());
    assert!(is_replica(usual.route.as_deref()), "{:?}", usual.route);
    let fifth = json!({ "id": 5, "title": "Big Ones", "artist": "Aerosmith" });
    assert_eq!(usual.body[4], fifth);
    // What a form sends for "not said".
    assert_eq!(app.get("/api/albums?after=&limit=").body, usual.body);

    let mut seen = Vec::new();
    loop {
        let after = seen.last().copied().unwrap_or(0);
        let page = app.get(&format!("/api/albums?after={after}&limit=100"));
        assert!(
            is_replica(page.route.as_deref()),
            "a page is never cached: {:?}",
            page.route
        );
        let ids = ids(&page.body);
        if ids.is_empty() {
            break;
        }
        seen.extend(ids);
    }
    assert_eq!(seen, (1..=347).collect::<Vec<_>>());
    assert_eq!(app.get("/api/albums?after=99999999999").body, json!([]));
}

#[test]
fn the_cluster_shows_its_nodes_and_health_needs_none() {
    let app = App::start();
    let cluster = app.get("/api/cluster");
    let of = |node: &Value| {
        (
            node["name"].clone(),
            node["role"].clone(),
            node["available"].clone(),
        )
    };
    let nodes: Vec<_> = cluster.body["nodes"]
        .as_array()
        .unwrap()
        .iter()
        .map(of)
        .collect();
    let expected = [
        ("primary", "primary"),
        ("replica-1", "replica"),
        ("replica-2", "replica"),
    ];
    let expected = expected.map(|(name, role)| (json!(name), json!(role), json!(true)));
    assert_eq!(nodes, expected);
    assert!(cluster.body["nodes"][0]["writing"]["max"].as_u64().unwrap() > 0);
    assert_eq!(cluster.body["nodes"][1]["writing"], Value::Null);
    assert_eq!(cluster.body["redis"], true);
    // The sample data was this process's last write.
    assert!(cluster.body["last_write"].as_str().unwrap().contains('/'));

    let health = app.get("/healthz");
    assert_eq!((health.status, health.route), (200, None));
}

fn songs(album: &Value) -> impl Iterator<Item = &Value> {
    album["songs"].as_array().unwrap().iter()
}

fn ids(page: &Value) -> Vec<i64> {
    let albums = page.as_array().unwrap().iter();
    albums.map(|album| album["id"].as_i64().unwrap()).collect()
}

fn is_replica(route: Option<&str>) -> bool {
    route.is_some_and(|route| route.starts_with("replica-"))
}
