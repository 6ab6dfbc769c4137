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
            None => of_words(url),
        };
        Self {
            host: host.unwrap_or_else(|| "localhost".to_owned()),
            port: port.unwrap_or_else(|| default_port.to_string()),
        }
    }
}

type Parts = (Option<String>, Option<String>);

/// Of what cannot be read for sure. A guess could show a password.
fn unclear() -> Parts {
    (Some("<host>".to_owned()), Some("<port>".to_owned()))
}

fn of_url(rest: &str) -> Parts {
    let (head, options) = rest.split_once('?').unwrap_or((rest, ""));
    let rest = match (options.contains('@'), head.contains([':', '@'])) {
        // An option, or the rest of a password.
        (true, true) => return unclear(),
        (true, false) => head,
        (false, _) => rest,
    };
    // The password first: whatever is in it must not be taken for a host.
    let rest = rest.rsplit_once('@').map_or(rest, |(_, behind)| behind);
    let end = rest.find(['/', '?', ',']).unwrap_or(rest.len());
    let authority = &rest[..end];
    // Colons in brackets are those of an IPv6 address.
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (authority, None),
    };
    let host = host.replace("%2F", "/").replace("%2f", "/");
    (
        Some(host).filter(|host| !host.is_empty()),
        port.map(str::to_owned),
    )
}

/// `host = db-1 password = 'a b'`: as libpq has it, so that no value is taken for a name.
fn of_words(text: &str) -> Parts {
    let (mut host, mut port) = (None, None);
    let mut rest = text.trim();
    while !rest.is_empty() {
        let Some((name, behind)) = rest.split_once('=') else {
            return unclear();
        };
        let (value, behind) = value(behind.trim_start());
        match name.trim() {
            "host" => host = Some(first(&value)),
            "port" => port = Some(first(&value)),
            name if name.contains(char::is_whitespace) => return unclear(),
            _ => {}
        }
        rest = behind.trim_start();
    }
    (host, port)
}

fn first(list: &str) -> String {
    list.split(',').next().unwrap_or_default().to_owned()
}

/// A value, in quotes or up to a space, and what is behind it.
fn value(text: &str) -> (String, &str) {
    let (quoted, text) = text
        .strip_prefix('\'')
        .map_or((false, text), |text| (true, text));
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, char)) = chars.next() {
        match char {
            '\\' => value.extend(chars.next().map(|(_, char)| char)),
            '\'' if quoted => return (value, &text[at + 1..]),
            char if !quoted && char.is_whitespace() => return (value, &text[at..]),
            char => value.push(char),
        }
    }
    (value, "")
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
            ("host = 127.0.0.1 port = 1", "127.0.0.1:1"),
            ("password='x host=S3CRET' host=db-1 port=1", "db-1:1"),
            (r"password='x\' host=S3CRET' host=db-1", "db-1:5432"),
            (r"password=x\ host=S3CRET host=db-1", "db-1:5432"),
            ("password=x host=db-1 S3CRET", "<host>:<port>"),
            ("S3CRET", "<host>:<port>"),
            ("postgres://%2Ftmp:1/music", "/tmp:1"),
            ("postgres://db-1/music?application_name=a@b", "db-1:5432"),
            ("postgres://app:x@S3CRET?a=b@db-1/music", "<host>:<port>"),
            ("postgres://app:x?S3CRET@db-1/music", "<host>:<port>"),
        ];
        for (url, address) in cases {
            assert_eq!(Address::of(url, 5432).to_string(), address, "{url}");
        }
    }
}
