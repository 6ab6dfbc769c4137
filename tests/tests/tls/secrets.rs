//! What nobody is shown, and what the process does not notice.

use std::path::Path;

use diesel_manifold::Manifold;

use crate::site::{Site, offered, refusal, url_at, with_clients};

#[tokio::test]
async fn nothing_secret_is_shown() {
    let site = Site::start(with_clients);
    site.sql(site.cluster.primary(), "ALTER ROLE app PASSWORD 'geheim'");
    let pair = site.authority.client("app");
    let secrets = |key: &Path| {
        let pem = std::fs::read_to_string(key).unwrap();
        let lines: Vec<_> = pem.lines().map(str::to_owned).collect();
        [lines[1].clone(), "geheim".to_owned()]
    };
    let secrets = secrets(&pair.key);
    let papers = format!("{}&{}", site.authority.parameter(), pair.parameters());
    let url = |host: &str| {
        let port = site.cluster.primary().port();
        url_at(port, host, &format!("sslmode=verify-full&{papers}"))
            .replace("app:app", "app:geheim")
    };
    let mut shown = Vec::new();
    let builder = Manifold::builder().primary(url("localhost"));
    let builder = builder.redis(site.redis(&papers).replace("://", "://:geheim@"));
    shown.push(format!("{builder:?}"));
    let manifold = builder.connect().await.unwrap();
    shown.push(format!("{manifold:?} {:?}", manifold.nodes()));
    for parameters in [
        "sslkey=/nowhere",
        "sslmode=oops",
        "oops=1",
        "sslcert=/nowhere&sslkey=/nowhere",
    ] {
        let error = refusal(&format!("{}&{parameters}", url("localhost"))).await;
        shown.push(format!("{error} {error:?}"));
    }
    // A key in the place of a certificate, and of a root.
    let key = pair.key.display();
    for parameters in [format!("sslrootcert={key}"), format!("sslcert={key}")] {
        let error = refusal(&format!("{}&{parameters}", url("localhost"))).await;
        shown.push(format!("{error} {error:?}"));
    }
    let error = refusal(&url("db.example")).await;
    shown.push(format!("{error} {error:?}"));
    for text in shown {
        for secret in &secrets {
            assert!(!text.contains(secret), "{text}");
        }
    }
}

#[tokio::test]
async fn no_provider_is_installed_for_the_whole_process() {
    let site = Site::start(offered);
    let starting = site.with_redis(&site.authority.parameter());
    starting.connect().await.unwrap();
    assert!(rustls::crypto::CryptoProvider::get_default().is_none());
}
