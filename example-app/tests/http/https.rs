//! The same over TLS.

use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::sync::Arc;

use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use tempfile::TempDir;
use ureq::tls::{Certificate, RootCerts, TlsConfig};

use crate::app::{App, Starting};
use crate::instances::assert_finishes;

#[test]
fn the_api_is_served_over_https_to_who_trusts_its_certificate() {
    let identity = Identity::new();
    let app = identity.start();
    assert!(app.url.starts_with("https://127.0.0.1:"), "{}", app.url);
    let album = app.get("/api/album/5");
    assert_eq!(
        (album.status, &album.body["title"]),
        (200, &"Big Ones".into())
    );
    assert_eq!(app.get("/docs/").status, 200);
    let stranger = Identity::new().client(&app);
    let refused = stranger.unwrap_err().to_string();
    assert!(refused.contains("certificate"), "{refused}");
}

#[test]
fn who_says_nothing_or_does_not_speak_tls_keeps_nobody_waiting() {
    let identity = Identity::new();
    let app = identity.start();
    let mut silent: Vec<_> = (0..50).map(|_| app.connect()).collect();
    let mut plain = app.connect();
    let request = b"GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    plain.write_all(request).unwrap();
    // An alert at most; the connection may be reset, too.
    let mut answer = Vec::new();
    let _ = plain.read_to_end(&mut answer);
    assert!(!answer.starts_with(b"HTTP"), "{answer:?}");
    assert_eq!(app.get("/healthz").status, 200);
    // Nor were they cut off to make room. Each has its own deadline, and is gone behind it.
    for stream in &mut silent {
        stream.set_nonblocking(true).unwrap();
        let still = stream.read(&mut [0]).unwrap_err();
        assert_eq!(still.kind(), ErrorKind::WouldBlock);
    }
    for stream in &mut silent {
        stream.set_nonblocking(false).unwrap();
        assert_eq!(stream.read(&mut [0]).unwrap(), 0);
    }
}

#[test]
fn a_request_under_way_over_tls_is_finished_before_the_end() {
    let identity = Identity::new();
    let app = identity.start();
    let slow = identity.client(&app).unwrap();
    // Neither does who is still in his handshake hold the end up, nor who has sent no request.
    let _silent = app.connect();
    let _idle = identity.client(&app).unwrap();
    assert_finishes(app, slow);
}

#[test]
fn files_that_cannot_be_used_are_said_before_anything_is_started() {
    let (ours, other) = (Identity::new(), Identity::new());
    let directory = ours.directory.path();
    let encrypted =
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
    let files = [
        ("none.pem", "nothing"),
        ("torn.pem", "-----BEGIN CERTIFICATE-----\n!"),
        ("encrypted.pem", encrypted),
    ];
    let [none, torn, encrypted] = files.map(|(name, text)| {
        let file = directory.join(name);
        fs::write(&file, text).unwrap();
        file
    });
    let garbage = directory.join("garbage.pem");
    fs::write(
        &garbage,
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    )
    .unwrap();
    let missing = directory.join("missing.pem");
    let cases = [
        (&missing, &ours.key, &missing, "No such file"),
        (&ours.certificate, &missing, &missing, "No such file"),
        (&none, &ours.key, &none, "no certificate"),
        (&torn, &ours.key, &torn, "cannot read"),
        (&garbage, &ours.key, &garbage, "cannot use"),
        (&ours.certificate, &none, &none, "no private key"),
        (
            &ours.certificate,
            &ours.certificate,
            &ours.certificate,
            "no private key",
        ),
        (&ours.certificate, &encrypted, &encrypted, "not encrypted"),
        (&ours.certificate, &other.key, &other.key, "is not that of"),
    ];
    // An address that is taken would be said if it were looked at first.
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let listen = ["--listen", &address];
    for (certificate, key, which, why) in cases {
        let arguments = [
            &listen[..],
            &["--tls-cert", text(certificate), "--tls-key", text(key)],
        ]
        .concat();
        let (status, said) = Starting::with_arguments(&arguments, &[]).failed();
        assert_eq!(status.code(), Some(1), "{said}");
        assert!(
            said.contains(text(which)) && said.contains(why),
            "{why}: {said}"
        );
        assert_eq!(said.lines().count(), 1, "{said}");
    }
    for (one, other) in [("--tls-cert", "--tls-key"), ("--tls-key", "--tls-cert")] {
        let arguments = [&listen[..], &[one, text(&ours.certificate)]].concat();
        let (status, said) = Starting::with_arguments(&arguments, &[]).failed();
        assert_eq!(status.code(), Some(2), "{said}");
        assert!(said.contains(other), "{said}");
    }
}

/// A certificate that is its own root, for this machine, and its key.
struct Identity {
    directory: TempDir,
    certificate: PathBuf,
    key: PathBuf,
    generated: rcgen::Certificate,
}

impl Identity {
    fn new() -> Self {
        let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
        let generated = rcgen::generate_simple_self_signed(names).unwrap();
        let directory = tempfile::tempdir().unwrap();
        let [certificate, key] = ["cert.pem", "key.pem"].map(|name| directory.path().join(name));
        fs::write(&certificate, generated.cert.pem()).unwrap();
        fs::write(&key, generated.signing_key.serialize_pem()).unwrap();
        Self {
            directory,
            certificate,
            key,
            generated: generated.cert,
        }
    }

    /// The example with this certificate, and a client that trusts it.
    fn start(&self) -> App {
        let arguments = [
            "--listen",
            "127.0.0.1:0",
            "--tls-cert",
            text(&self.certificate),
            "--tls-key",
            text(&self.key),
        ];
        let root = Certificate::from_der(self.generated.der()).to_owned();
        let tls = TlsConfig::builder()
            .root_certs(RootCerts::new_with_certs(&[root]))
            .unversioned_rustls_crypto_provider(provider())
            .build();
        Starting::with_arguments(&arguments, &[]).ready_for(tls)
    }

    /// A connection for what the client would not do, behind its handshake.
    fn client(&self, app: &App) -> std::io::Result<StreamOwned<ClientConnection, TcpStream>> {
        let mut roots = RootCertStore::empty();
        roots.add(self.generated.der().clone()).unwrap();
        let config = ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = ServerName::try_from("localhost").unwrap();
        let client = ClientConnection::new(Arc::new(config), name).unwrap();
        let mut stream = StreamOwned::new(client, app.connect());
        stream.conn.complete_io(&mut stream.sock)?;
        Ok(stream)
    }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

fn text(path: &std::path::Path) -> &str {
    path.to_str().unwrap()
}
