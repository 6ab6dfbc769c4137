//! What is refused when the manifold connects, before anything is sent that would stay.

use diesel_manifold::{Endpoint, Error, Manifold};
use manifold_compose::PoolMode;
use manifold_tests::world::settings;
use manifold_tests::{Shop, World};

use crate::site::{Client, SETTINGS, new, old, pgbouncer};

async fn connect(endpoint: Endpoint) -> Result<Shop, Error> {
    let builder = Manifold::builder().settings(settings()).primary(endpoint);
    builder.connect().await.map(Shop::new)
}

/// What is refused, and in which words.
async fn refused(endpoint: Endpoint, words: &[&str]) {
    let error = connect(endpoint).await.err().expect("refused");
    assert!(error.is_configuration(), "{error}");
    let text = error.to_string();
    for word in words {
        assert!(text.contains(word), "`{word}` in: {text}");
    }
    assert!(!text.contains("app:app"), "{text}");
}

#[tokio::test]
async fn a_direct_endpoint_that_is_pooled_is_refused_and_told_what_to_declare() {
    let world = World::new();
    let node = world.primary();
    for mode in [PoolMode::Transaction, PoolMode::Session] {
        for builder in [
            old(world.cluster(), node).pool_mode(mode),
            new(world.cluster(), node).pool_mode(mode),
        ] {
            let Some(pgbouncer) = pgbouncer(&builder) else {
                continue;
            };
            let url = pgbouncer.url_for(world.database());
            let words = [
                "primary",
                "unsupported startup parameter",
                "Endpoint::pooled",
            ];
            refused(Endpoint::direct(url), &words).await;
        }
    }
}

#[tokio::test]
async fn a_pooler_that_forgets_how_a_connection_began_is_found_out_before_anything_is_set() {
    let world = World::new();
    let forgetful = [
        old(world.cluster(), world.primary()),
        new(world.cluster(), world.primary()),
    ];
    for builder in forgetful {
        // The parameter is accepted, and goes nowhere.
        let builder = builder.ignore_startup_parameters("options").pool_size(1);
        let Some(pgbouncer) = pgbouncer(&builder) else {
            continue;
        };
        let url = pgbouncer.url_for(world.database());
        let before = Client::connect(&url).await.ask(SETTINGS).await;
        let words = [
            "a setting that the connection began with is gone",
            "Endpoint::pooled",
        ];
        refused(Endpoint::direct(&url), &words).await;
        assert_eq!(Client::connect(&url).await.ask(SETTINGS).await, before);
    }
}

#[tokio::test]
async fn a_pooler_that_loses_prepared_statements_is_refused_and_told_what_it_takes() {
    let world = World::new();
    let node = world.primary();
    let words = [
        "pooled by transactions",
        "PgBouncer 1.21",
        "max_prepared_statements",
        "pool_mode = session",
    ];
    for builder in [
        old(world.cluster(), node),
        old(world.cluster(), node).pool_size(1),
        new(world.cluster(), node).max_prepared_statements(0),
    ] {
        let Some(pgbouncer) = pgbouncer(&builder) else {
            continue;
        };
        let url = pgbouncer.url_for(world.database());
        for endpoint in [Endpoint::pooled(&url), Endpoint::balanced(&url)] {
            refused(endpoint, &words).await;
        }
    }
}

#[tokio::test]
async fn a_pooler_that_keeps_them_or_pools_by_sessions_is_taken() {
    let world = World::new();
    let node = world.primary();
    for builder in [
        new(world.cluster(), node),
        new(world.cluster(), node).pool_size(1),
        new(world.cluster(), node).pool_mode(PoolMode::Session),
        new(world.cluster(), node)
            .pool_mode(PoolMode::Session)
            .max_prepared_statements(0),
        old(world.cluster(), node).pool_mode(PoolMode::Session),
    ] {
        let Some(pgbouncer) = pgbouncer(&builder) else {
            continue;
        };
        let url = pgbouncer.url_for(world.database());
        let shop = connect(Endpoint::pooled(&url)).await.expect("taken");
        assert_eq!(shop.titles().await.expect("titles").len(), 2);
        let title = format!("through {pgbouncer} {builder:?}");
        let album = shop.add(&title).await.expect("added");
        assert_eq!(
            shop.by_id(album.id).await.expect("read").unwrap().title,
            title
        );
        shop.db().shutdown().await;
        world.sql(node, &format!("DELETE FROM album WHERE id = {}", album.id));
    }
}

#[tokio::test]
async fn the_server_itself_is_taken_however_it_is_declared() {
    let world = World::new();
    let url = world.url(world.primary());
    let with_options = format!("{url}?options=-c%20application_name%3Dmine");
    for endpoint in [
        Endpoint::direct(&url),
        Endpoint::pooled(&url),
        Endpoint::balanced(&url),
        Endpoint::direct(with_options),
    ] {
        let shop = connect(endpoint).await.expect("taken");
        assert_eq!(shop.titles().await.expect("titles").len(), 2);
    }
}

#[tokio::test]
async fn a_parameter_of_the_url_that_the_pooler_does_not_know_is_the_urls_fault() {
    let world = World::new();
    let Some(pgbouncer) = pgbouncer(&new(world.cluster(), world.primary())) else {
        return;
    };
    let url = pgbouncer.url_for(world.database());
    let url = format!("{url}?options=-c%20work_mem%3D5MB");
    let words = ["work_mem", "ignore_startup_parameters"];
    refused(Endpoint::pooled(url), &words).await;
}
