//! The roots of the machine. Which those are is said by a variable, which a process can only set for
//! another.

use std::process::Command;

use crate::certificates::Authority;
use crate::site::{Encrypted, Refused, Site, assert_way, offered, url_at};

const PORT: &str = "MANIFOLD_TEST_PORT";
const TAKEN: &str = "MANIFOLD_TEST_TAKEN";

#[test]
fn the_machines_roots_are_asked_where_no_other_is_given() {
    let (site, stranger) = (Site::start(offered), Authority::new());
    for (root, taken) in [(site.authority.root(), true), (stranger.root(), false)] {
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "roots::with_roots_of_its_own", "--ignored"])
            .env("SSL_CERT_FILE", root)
            .env_remove("SSL_CERT_DIR")
            .env(PORT, site.cluster.primary().port().to_string())
            .env(TAKEN, taken.to_string())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&child.stdout);
        assert!(child.status.success(), "taken: {taken}: {said}");
        assert!(said.contains("1 passed"), "{said}");
    }
}

#[tokio::test]
#[ignore = "not a test: what the one above runs in a process of its own"]
async fn with_roots_of_its_own() {
    let port = std::env::var(PORT).unwrap().parse().unwrap();
    let (way, wrong) = match std::env::var(TAKEN).unwrap().as_str() {
        "true" => (Encrypted, Refused("wrong name")),
        _ => (
            Refused("none of this machine's roots"),
            Refused("none of this machine's roots"),
        ),
    };
    for parameters in [
        "sslmode=verify-ca",
        "sslmode=verify-full",
        "sslmode=verify-full&sslrootcert=system",
        "sslrootcert=system",
    ] {
        assert_way(&url_at(port, "localhost", parameters), way).await;
    }
    assert_way(&url_at(port, "db.example", "sslrootcert=system"), wrong).await;
}
