//! What a person sees when all is ready: where everything listens, and what to try.
//!
//! It goes to the standard output and the log to the standard error, so that a script can read it.

use std::fmt::Write as _;
use std::io::Write as _;

use crate::servers::Servers;

/// Says that we serve at `url`.
pub fn print(url: &str, servers: &Servers) {
    let mut text = format!("\n  listening on {url}\n\n");
    if servers.are_embedded() {
        // Writing to a string cannot fail.
        let _ = write_servers(&mut text, servers);
    }
    let _ = write_requests(&mut text, url);
    // We serve just as well if nobody reads this.
    let _ = std::io::stdout().write_all(text.as_bytes());
}

/// With their passwords: these servers live as long as we do, and listen on this machine only.
fn write_servers(text: &mut String, servers: &Servers) -> std::fmt::Result {
    let replicas = servers.replicas.join(",");
    writeln!(text, "  primary    psql {}", servers.primary)?;
    for (at, url) in (1..).zip(&servers.replicas) {
        writeln!(text, "  replica-{at}  psql {url}")?;
    }
    if let Some(url) = &servers.redis {
        writeln!(text, "  redis      redis-cli -u {url}")?;
    }
    writeln!(
        text,
        "\n  in another terminal, for `lag`, `verify`, `load`, `cache`, or a second instance:"
    )?;
    writeln!(text, "    export DATABASE_PRIMARY_URL={}", servers.primary)?;
    writeln!(text, "    export DATABASE_REPLICA_URLS={replicas}")?;
    if let Some(url) = &servers.redis {
        writeln!(text, "    export REDIS_URL={url}")?;
    }
    if let Some(key) = &servers.token_key {
        writeln!(
            text,
            "    export MANIFOLD_TOKEN_KEY={key}  # random, of this start: it signs sessions"
        )?;
    }
    writeln!(
        text,
        "    cargo run -p example-app -- --listen 127.0.0.1:0\n"
    )
}

fn write_requests(text: &mut String, url: &str) -> std::fmt::Result {
    let patch = r#"-X PATCH -H 'content-type: application/json' -d '{"title":"Bigger Ones"}'"#;
    writeln!(text, "  try:")?;
    writeln!(text, "    {url}/docs    # in a browser: every request")?;
    writeln!(
        text,
        "    curl -i {url}/api/album/5    # a replica; again: l1"
    )?;
    writeln!(text, "    curl -i '{url}/api/albums?after=100&limit=3'")?;
    writeln!(text, "    curl -i {patch} {url}/api/album/5\n")
}
