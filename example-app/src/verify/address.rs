//! Where a URL leads, for messages: without its password.

use std::fmt;

/// The first host of a URL, and its port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    pub host: String,
    pub port: String,
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

impl Address {
    /// Of `scheme://user:password@host:port/name?options`, or of `host=.. port=..`.
    pub fn of(url: &str, default_port: u16) -> Self {
        let (host, port) = match url.split_once("://") {
            Some((_, rest)) => of_url(rest),
            None => (word(url, "host="), word(url, "port=")),
        };
        Self {
            host: host.unwrap_or("localhost").to_owned(),
            port: port.map_or_else(|| default_port.to_string(), str::to_owned),
        }
    }
}

fn of_url(rest: &str) -> (Option<&str>, Option<&str>) {
    // The password first: whatever is in it must not be taken for a host.
    let rest = rest.rsplit_once('@').map_or(rest, |(_, behind)| behind);
    let end = rest.find(['/', '?', ',']).unwrap_or(rest.len());
    let authority = &rest[..end];
    // Colons in brackets are those of an IPv6 address.
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (authority, None),
    };
    (Some(host).filter(|host| !host.is_empty()), port)
}

fn word<'u>(text: &'u str, name: &str) -> Option<&'u str> {
    text.split_whitespace()
        .find_map(|word| word.strip_prefix(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_host_and_port_and_never_a_password() {
        let cases = [
            ("postgres://app:secret@db-1:5433/music", "db-1:5433"),
            (
                "postgres://app:secret@db-1/music?sslmode=require",
                "db-1:5432",
            ),
            ("postgres://app:se:c/r@et@db-1:1/music", "db-1:1"),
            ("postgres://db-1", "db-1:5432"),
            ("postgres://app@db-1:1,db-2:2/music", "db-1:1"),
            ("postgres://app@[::1]:1/music", "[::1]:1"),
            ("postgres://app@[::1]/music", "[::1]:5432"),
            ("postgres:///music", "localhost:5432"),
            ("host=db-1 password=secret port=5433", "db-1:5433"),
            ("dbname=music", "localhost:5432"),
        ];
        for (url, address) in cases {
            assert_eq!(Address::of(url, 5432).to_string(), address, "{url}");
        }
    }
}
