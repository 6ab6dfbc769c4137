//! What carries a token: where it is found in a request, and how it is put into an answer.

use std::fmt::Write;
use std::time::Duration;

use http::header::{COOKIE, SET_COOKIE};
use http::{HeaderMap, HeaderName, HeaderValue};

/// The most tokens of one request. A client has two; one that collects them while its requests are under
/// way has some more.
const MOST: usize = 8;

/// A cookie or a header.
#[derive(Debug, Clone)]
pub enum Carrier {
    /// For browsers.
    Cookie(Cookie),
    /// For APIs.
    Header(HeaderName),
}

/// The cookies, and what is said about them.
#[derive(Debug, Clone)]
pub struct Cookie {
    /// Its name, when a request wrote.
    written: String,
    /// Its name, when a request only read.
    seen: String,
    /// Over HTTPS only.
    pub secure: bool,
    /// How long it is kept.
    pub max_age: Option<Duration>,
}

/// Which of its two places a token has. A header has only the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Of a request that wrote.
    Written,
    /// Of a request that only read.
    Seen,
}

/// What a request brings.
#[derive(Debug, PartialEq, Eq, Default)]
pub struct Found<'h> {
    /// What should be tokens, at most [`MOST`].
    pub texts: Vec<(Place, &'h [u8])>,
    /// There are more, and nobody looked at them.
    pub more: Option<Place>,
}

impl<'h> Found<'h> {
    fn note(&mut self, place: Place, text: &'h [u8]) {
        if self.texts.len() < MOST {
            self.texts.push((place, text));
        } else {
            self.more = Some(place);
        }
    }
}

impl Cookie {
    /// A cookie of this name, and one beside it.
    pub fn named(name: &str) -> Self {
        Self {
            written: name.to_owned(),
            seen: format!("{name}-seen"),
            secure: false,
            max_age: None,
        }
    }

    /// The same by another name.
    pub fn renamed(self, name: &str) -> Self {
        Self {
            secure: self.secure,
            max_age: self.max_age,
            ..Self::named(name)
        }
    }

    fn place(&self, name: &[u8]) -> Option<Place> {
        if name == self.written.as_bytes() {
            Some(Place::Written)
        } else if name == self.seen.as_bytes() {
            Some(Place::Seen)
        } else {
            None
        }
    }

    fn line(&self, place: Place, token: &str) -> String {
        let name = match place {
            Place::Written => &self.written,
            Place::Seen => &self.seen,
        };
        let mut line = format!("{name}={token}; Path=/; HttpOnly; SameSite=Lax");
        if self.secure {
            line.push_str("; Secure");
        }
        if let Some(age) = self.max_age {
            // Writing to a string cannot fail.
            let _ = write!(line, "; Max-Age={}", age.as_secs());
        }
        line
    }
}

impl Carrier {
    /// Everything in a request that should be a token. Whatever a client sends, nothing here fails.
    pub fn find<'h>(&self, headers: &'h HeaderMap) -> Found<'h> {
        let mut found = Found::default();
        match self {
            Self::Header(name) => {
                let lines = headers.get_all(name).iter();
                let texts = lines.flat_map(|line| line.as_bytes().split(|&byte| byte == b','));
                for text in texts {
                    found.note(Place::Written, text.trim_ascii());
                }
            }
            Self::Cookie(cookie) => {
                let lines = headers.get_all(COOKIE).iter();
                let pairs = lines.flat_map(|line| line.as_bytes().split(|&byte| byte == b';'));
                for pair in pairs {
                    let Some(equals) = pair.iter().position(|&byte| byte == b'=') else {
                        continue;
                    };
                    let (name, text) = (pair[..equals].trim_ascii(), &pair[equals + 1..]);
                    if let Some(place) = cookie.place(name) {
                        found.note(place, unquoted(text.trim_ascii()));
                    }
                }
            }
        }
        found
    }

    /// Puts a token into an answer.
    pub fn put(&self, place: Place, token: &str, headers: &mut HeaderMap) {
        match self {
            Self::Header(name) => {
                if let Ok(value) = HeaderValue::from_str(token) {
                    headers.insert(name, value);
                }
            }
            Self::Cookie(cookie) => {
                if let Ok(value) = HeaderValue::try_from(cookie.line(place, token)) {
                    headers.append(SET_COOKIE, value);
                }
            }
        }
    }

    /// Where the token of a request belongs: a client of a header has one place for all.
    pub fn place(&self, wrote: bool) -> Place {
        match self {
            Self::Cookie(_) if !wrote => Place::Seen,
            _ => Place::Written,
        }
    }
}

/// A cookie's value may stand in double quotes.
fn unquoted(text: &[u8]) -> &[u8] {
    let inside = text
        .strip_prefix(b"\"")
        .and_then(|text| text.strip_suffix(b"\""));
    inside.unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[(&'static str, &[u8])]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, line) in lines {
            headers.append(*name, HeaderValue::from_bytes(line).unwrap());
        }
        headers
    }

    fn cookie() -> Carrier {
        Carrier::Cookie(Cookie::named("s"))
    }

    fn header() -> Carrier {
        Carrier::Header(HeaderName::from_static("x-s"))
    }

    /// A line, and what is found in it.
    type Case<'a> = (&'a [u8], &'a [(Place, &'a [u8])]);

    #[test]
    fn cookies_are_found_by_their_names_and_by_nothing_else() {
        let table: &[Case<'_>] = &[
            (b"s=a", &[(Place::Written, b"a")]),
            (b"s-seen=a", &[(Place::Seen, b"a")]),
            (
                b"x=1; s=a; s-seen=b;y=2",
                &[(Place::Written, b"a"), (Place::Seen, b"b")],
            ),
            (b" s = a ;; ;", &[(Place::Written, b"a")]),
            (b"s=\"a\"", &[(Place::Written, b"a")]),
            (b"s=\"", &[(Place::Written, b"\"")]),
            (b"s=a=b", &[(Place::Written, b"a=b")]),
            (b"s=", &[(Place::Written, b"")]),
            (
                b"s=a;s=b",
                &[(Place::Written, b"a"), (Place::Written, b"b")],
            ),
            (b"s=\xFF\xFE", &[(Place::Written, b"\xFF\xFE")]),
            (b"\xFFs=a", &[]),
            (b"S=a; ss=b; s-seen2=c; s", &[]),
            (b"", &[]),
            (b"=s", &[]),
        ];
        for (line, expected) in table {
            let headers = headers(&[("cookie", line)]);
            let found = cookie().find(&headers);
            let said = String::from_utf8_lossy(line);
            assert_eq!(found.texts, *expected, "{said}");
            assert_eq!(found.more, None, "{said}");
        }
    }

    #[test]
    fn several_lines_are_one_and_a_headers_line_may_hold_several() {
        let lines: [(_, &[u8]); 3] = [("cookie", b"s=a"), ("x-s", b"b, c"), ("x-s", b"d")];
        let headers = headers(&lines);
        let found = cookie().find(&headers);
        assert_eq!(found.texts, [(Place::Written, &b"a"[..])]);
        let found = header().find(&headers);
        let texts: Vec<_> = found.texts.into_iter().map(|(_, text)| text).collect();
        assert_eq!(texts, [b"b", b"c", b"d"]);
    }

    #[test]
    fn no_more_than_eight_are_looked_at_and_that_there_are_more_is_known() {
        for (carrier, name, one) in [(cookie(), "cookie", "s=a;"), (header(), "x-s", "a,")] {
            let enough = one.repeat(MOST);
            let enough = headers(&[(name, &enough.as_bytes()[..enough.len() - 1])]);
            let found = carrier.find(&enough);
            assert_eq!((found.texts.len(), found.more), (MOST, None));
            let many = headers(&[(name, one.repeat(10_000).as_bytes())]);
            let found = carrier.find(&many);
            assert_eq!(found.texts.len(), MOST);
            assert_eq!(found.more, Some(Place::Written));
        }
    }

    #[test]
    fn a_cookie_is_for_this_site_and_for_no_script() {
        let mut answer = HeaderMap::new();
        answer.append(SET_COOKIE, HeaderValue::from_static("theirs=1"));
        let secure = Carrier::Cookie(Cookie {
            secure: true,
            max_age: Some(Duration::from_secs(90)),
            ..Cookie::named("t")
        });
        cookie().put(Place::Written, "a", &mut answer);
        cookie().put(Place::Seen, "b", &mut answer);
        secure.put(Place::Written, "c", &mut answer);
        let set: Vec<_> = answer.get_all(SET_COOKIE).iter().collect();
        assert_eq!(
            set,
            [
                "theirs=1",
                "s=a; Path=/; HttpOnly; SameSite=Lax",
                "s-seen=b; Path=/; HttpOnly; SameSite=Lax",
                "t=c; Path=/; HttpOnly; SameSite=Lax; Secure; Max-Age=90",
            ]
        );
    }

    #[test]
    fn a_header_has_one_token() {
        let mut answer = HeaderMap::new();
        header().put(header().place(true), "a", &mut answer);
        header().put(header().place(false), "b", &mut answer);
        let said: Vec<_> = answer.get_all("x-s").iter().collect();
        assert_eq!(said, ["b"]);
    }

    #[test]
    fn an_answer_that_only_read_has_a_cookie_of_its_own() {
        assert_eq!(cookie().place(true), Place::Written);
        assert_eq!(cookie().place(false), Place::Seen);
    }
}
