//! Certificates that are refused, ours and theirs, and how that is said.

use std::sync::Arc;

use diesel_manifold::Manifold;

use crate::certificates::{Authority, Pair};
use crate::site::{
    Encrypted, NAMES, Refused, Site, assert_way, encrypted, offered, refusal, url_at, with_clients,
};

#[tokio::test]
async fn an_expired_certificate_is_the_servers_fault() {
    let authority = Authority::new();
    let pair = authority.expired(&NAMES);
    let expired = Site::showing(authority, &pair, 1, offered);
    let root = expired.authority.parameter();
    let url = expired.url(&format!("sslmode=verify-full&{root}"));
    let error = refusal(&url).await;
    assert!(error.is_unreachable(), "{error}");
    assert!(
        error.to_string().contains("expired certificate: it ended "),
        "{error}"
    );
    assert_way(&expired.url("sslmode=require"), Encrypted).await;

    // So a replica with one is left out, and the manifold starts.
    let replica = expired.cluster.replica(0).port();
    let manifold = Manifold::builder()
        .primary(expired.url("sslmode=require"))
        .replica(url_at(
            replica,
            "localhost",
            &format!("sslmode=verify-ca&{root}"),
        ))
        .connect()
        .await
        .unwrap();
    let available: Vec<_> = manifold.nodes().iter().map(|node| node.available).collect();
    assert_eq!(available, [true, false]);
}

#[tokio::test]
async fn a_manifold_says_which_node_is_not_what_its_url_demands() {
    let authority = Authority::new();
    let pair = authority.server(&NAMES);
    let site = Site::showing(authority, &pair, 1, offered);
    let (primary, replica) = (
        site.cluster.primary().port(),
        site.cluster.replica(0).port(),
    );
    let full = format!("sslmode=verify-full&{}", site.authority.parameter());
    let good = url_at(primary, "localhost", &full);

    let bad = Manifold::builder().primary(url_at(primary, "db.example", &full));
    let error = bad.connect().await.unwrap_err();
    assert!(error.is_configuration(), "{error}");
    let text = error.to_string();
    assert!(
        text.starts_with("TLS to primary fails") && text.contains("wrong name"),
        "{text}"
    );

    let other = Authority::new();
    let stranger = format!("sslmode=verify-full&{}", other.parameter());
    let bad = Manifold::builder()
        .primary(&good)
        .replica(url_at(replica, "localhost", &stranger));
    let error = bad.connect().await.unwrap_err();
    assert!(error.is_configuration(), "{error}");
    let text = error.to_string();
    assert!(
        text.starts_with("TLS to replica-1 fails") && text.contains("unknown root"),
        "{text}"
    );
}

#[tokio::test]
async fn a_self_signed_certificate_is_its_own_root_unless_it_is_an_authoritys() {
    let refused = Refused("its certificate is refused: CaUsedAsEndEntity");
    for (is_authority, way) in [(false, Encrypted), (true, refused)] {
        let authority = Authority::new();
        let pair = authority.self_signed(&NAMES, is_authority);
        let site = Site::showing(authority, &pair, 0, offered);
        let root = pair.certificate.display();
        for mode in ["verify-ca", "verify-full"] {
            let url = site.url(&format!("sslmode={mode}&sslrootcert={root}"));
            assert_way(&url, way).await;
        }
    }
}

#[tokio::test]
async fn a_pem_file_that_cannot_be_used_is_named() {
    let authority = Authority::new();
    let pair = authority.client("app");
    let other = authority.client("other");
    let (cert, key) = (pair.certificate.display(), pair.key.display());
    let text = authority.file("text", "no PEM here");
    let broken = authority.file(
        "broken",
        "-----BEGIN CERTIFICATE-----\n%\n-----END CERTIFICATE-----\n",
    );
    let locked =
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
    let locked = authority.file("locked", locked);
    let (text, broken, locked) = (text.display(), broken.display(), locked.display());
    let table = [
        (
            "sslrootcert=/nowhere/ca.pem".to_owned(),
            "sslrootcert=/nowhere/ca.pem cannot be read",
        ),
        (
            format!("sslrootcert={text}"),
            "text holds no certificate in PEM",
        ),
        (
            format!("sslrootcert={key}"),
            "app.key holds no certificate in PEM",
        ),
        (format!("sslrootcert={broken}"), "broken is no PEM file"),
        (
            format!("sslcert=/nowhere/c.pem&sslkey={key}"),
            "sslcert=/nowhere/c.pem cannot be read",
        ),
        (
            format!("sslcert={cert}&sslkey=/nowhere/k.pem"),
            "sslkey=/nowhere/k.pem cannot be read",
        ),
        (
            format!("sslcert={cert}&sslkey={cert}"),
            "app.pem holds no private key in PEM",
        ),
        (
            format!("sslcert={cert}&sslkey={locked}"),
            "locked is encrypted",
        ),
        (
            format!("sslcert={cert}&sslkey={}", other.key.display()),
            "are no pair",
        ),
        (format!("sslcert={cert}"), "sslcert without sslkey"),
    ];
    for (parameters, said) in table {
        // Before anybody is asked: there is no server.
        let primary = url_at(1, "localhost", &parameters);
        let error = Manifold::builder()
            .primary(primary)
            .connect()
            .await
            .unwrap_err();
        assert!(error.is_configuration(), "{error}");
        let text = error.to_string();
        assert!(
            text.starts_with("the primary's URL") && text.contains(said),
            "{text}"
        );

        let redis = Manifold::builder()
            .primary("postgres://app:app@localhost/app?sslmode=disable")
            .redis(format!("rediss://localhost?{parameters}"));
        let error = redis.connect().await.unwrap_err();
        assert!(error.is_configuration(), "{error}");
        let text = error.to_string();
        assert!(
            text.starts_with("REDIS_URL") && text.contains(said),
            "{text}"
        );
    }
}

#[tokio::test]
async fn where_a_client_certificate_is_asked_for_it_must_name_the_role() {
    let site = Site::start(with_clients);
    let with = |pair: &Pair| site.url(&format!("sslmode=require&{}", pair.parameters()));
    assert_way(&with(&site.authority.client("app")), Encrypted).await;

    let missing = Refused("requires a valid client certificate");
    assert_way(&site.url("sslmode=require"), missing).await;
    let other = Refused("authentication failed");
    assert_way(&with(&site.authority.client("somebody")), other).await;
    // Its authority is not the server's.
    let stranger = Authority::new();
    let refused = Refused("it refuses the client certificate in ");
    assert_way(&with(&stranger.client("app")), refused).await;
}

#[tokio::test]
async fn the_login_is_bound_to_the_certificate() {
    for (algorithm, binding) in [
        (&rcgen::PKCS_ECDSA_P256_SHA256, true),
        (&rcgen::PKCS_ECDSA_P384_SHA384, true),
        // It has no hash function that the binding could be made with.
        (&rcgen::PKCS_ED25519, false),
    ] {
        let authority = Authority::signing_by(algorithm);
        let pair = authority.server(&NAMES);
        let site = Site::showing(authority, &pair, 0, offered);
        let verified = format!("sslmode=verify-full&{}", site.authority.parameter());
        assert_way(&site.url(&verified), Encrypted).await;
        let bound = site.url(&format!("{verified}&channel_binding=require"));
        assert_eq!(encrypted(&bound).await.is_ok(), binding, "{algorithm:?}");
    }
}

/// A server that takes TLS connections with a certificate whose key it does not have.
fn impostor(pair: &Pair) -> u16 {
    use rustls::pki_types::pem::PemObject;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer};

    #[derive(Debug)]
    struct Shows(Arc<rustls::sign::CertifiedKey>);
    impl rustls::server::ResolvesServerCert for Shows {
        fn resolve(
            &self,
            _: rustls::server::ClientHello<'_>,
        ) -> Option<Arc<rustls::sign::CertifiedKey>> {
            Some(Arc::clone(&self.0))
        }
    }

    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let authority = Authority::new();
    let own = authority.server(&NAMES);
    let key = PrivateKeyDer::from_pem_file(own.key).unwrap();
    let key = provider.key_provider.load_private_key(key).unwrap();
    let certificate = CertificateDer::from_pem_file(&pair.certificate).unwrap();
    let shows = Shows(Arc::new(rustls::sign::CertifiedKey::new(
        vec![certificate],
        key,
    )));
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(shows));
    let config = Arc::new(config);

    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        use std::io::{Read, Write};
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut request = [0; 8];
            if stream.read_exact(&mut request).is_ok() && stream.write_all(b"S").is_ok() {
                let mut tls = rustls::ServerConnection::new(Arc::clone(&config)).unwrap();
                let _ = tls.complete_io(&mut stream);
            }
        }
    });
    port
}

#[tokio::test]
async fn a_server_without_its_certificates_key_is_refused_even_where_nothing_else_is_asked() {
    let authority = Authority::new();
    let port = impostor(&authority.server(&NAMES));
    let root = authority.parameter();
    for parameters in [
        "sslmode=require".to_owned(),
        format!("sslmode=verify-ca&{root}"),
    ] {
        let error = refusal(&url_at(port, "localhost", &parameters)).await;
        assert!(error.is_configuration(), "{error}");
        assert!(
            error
                .to_string()
                .contains("it does not have the key of the certificate that it shows"),
            "{error}"
        );
    }
}
