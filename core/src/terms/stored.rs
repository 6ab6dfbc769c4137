//! What a key is called in Redis.

use std::fmt::{self, Write};

use sha2::{Digest, Sha256};

use crate::terms::key::Key;

/// Longer arguments, and longer keys of tokens, appear as their SHA-256; in bytes.
const LONGEST: usize = 160;

/// The name of a key in Redis, behind its namespace: `shop::Albums::by_id(7i32)`, and
/// `shop::Albums::by_title#9f86d081..` where arguments of more than 160 bytes stand as their SHA-256.
///
/// It need not be one of ours: whoever may write to that Redis may call a key anything. `Display` is
/// safe for a terminal: what is neither printable nor UTF-8 is escaped.
///
/// ```
/// use diesel_manifold::StoredName;
///
/// let name = StoredName::from("shop::Albums::by_title(\"\u{1b}[2J\")");
/// assert_eq!(name.to_string(), r#"shop::Albums::by_title("\u{1b}[2J")"#);
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StoredName(Vec<u8>);

impl StoredName {
    pub(crate) fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self(bytes.into())
    }

    /// The name as it is.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Appends the name of `key` to `out`.
    pub(crate) fn write(key: &Key, out: &mut Vec<u8>) {
        out.extend_from_slice(key.cache().as_bytes());
        if key.arguments().len() <= LONGEST {
            out.extend_from_slice(key.arguments());
        } else {
            // `#` where arguments have `(`: no digest reads like arguments.
            out.extend_from_slice(b"#");
            digest(key.arguments(), out);
        }
    }
}

/// Appends what the token store calls the token of an application's `key`: `token:user-42`, and
/// `token#9f86d081..` for a key of more than 160 bytes.
pub(crate) fn token(key: &[u8], out: &mut Vec<u8>) {
    if key.len() <= LONGEST {
        out.extend_from_slice(b"token:");
        out.extend_from_slice(key);
    } else {
        out.extend_from_slice(b"token#");
        digest(key, out);
    }
}

fn digest(bytes: &[u8], out: &mut Vec<u8>) {
    for byte in Sha256::digest(bytes) {
        out.extend_from_slice(format!("{byte:02x}").as_bytes());
    }
}

impl From<&Key> for StoredName {
    fn from(key: &Key) -> Self {
        let mut name = Vec::new();
        Self::write(key, &mut name);
        Self(name)
    }
}

impl From<&str> for StoredName {
    fn from(name: &str) -> Self {
        Self::new(name)
    }
}

impl fmt::Display for StoredName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for chunk in self.0.utf8_chunks() {
            for c in chunk.valid().chars() {
                match c {
                    // Names are full of quotes; they harm nobody, and escaped nobody could read them.
                    '"' | '\'' | '\\' => f.write_char(c)?,
                    // Control characters, and those that turn the direction of the text.
                    c => write!(f, "{}", c.escape_debug())?,
                }
            }
            for byte in chunk.invalid() {
                write!(f, "\\x{byte:02x}")?;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for StoredName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StoredName({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::terms::call::{CachedCall, Name, ReadCall};
    use crate::terms::key::KeyWriter;

    const CALL: CachedCall = CachedCall::new(ReadCall::new(Name::new("A", "of")), "A::of");

    #[test]
    fn long_arguments_appear_as_their_digest_and_short_ones_as_they_are() {
        let name = |text: &str| StoredName::from(&KeyWriter::new(&CALL).argument(text).finish());
        assert_eq!(name("x").to_string(), r#"A::of("x")"#);
        // Parentheses and quotes are four bytes.
        let longest = "x".repeat(LONGEST - 4);
        assert_eq!(name(&longest).to_string(), format!("A::of(\"{longest}\")"));
        let digest = name(&format!("{longest}x")).to_string();
        assert!(digest.starts_with("A::of#"), "{digest}");
        assert_eq!(digest.len(), "A::of#".len() + 64);
    }

    #[test]
    fn keys_of_tokens_are_any_bytes_and_no_two_are_called_the_same() {
        let name = |key: &[u8]| {
            let mut name = Vec::new();
            token(key, &mut name);
            name
        };
        assert_eq!(name(b"user-42"), b"token:user-42");
        assert_eq!(name(b"\xFF\0 "), b"token:\xFF\0 ");
        let longest = [b'x'; LONGEST];
        assert_eq!(name(&longest), [b"token:", &longest[..]].concat());
        let long = name(&[b'x'; LONGEST + 1]);
        assert_eq!((&long[..6], long.len()), (&b"token#"[..], 6 + 64));
        assert_ne!(long, name(&[b'y'; LONGEST + 1]));
    }

    #[test]
    fn what_is_shown_of_any_bytes_cannot_steer_a_terminal() {
        for (bytes, shown) in [
            (&b"A::of(7i32)"[..], "A::of(7i32)"),
            (br#"A::of("a\"b")"#, r#"A::of("a\"b")"#),
            ("A::of(\"Ü ✨\")".as_bytes(), "A::of(\"Ü ✨\")"),
            (b"\x1b]0;owned\x07\r\n", r"\u{1b}]0;owned\u{7}\r\n"),
            ("\u{9b}2J\u{202e}".as_bytes(), r"\u{9b}2J\u{202e}"),
            (b"\xff\x00(\xc3", r"\xff\0(\xc3"),
            (b"", ""),
        ] {
            assert_eq!(StoredName::new(bytes).to_string(), shown);
        }
        let every_byte: Vec<u8> = (0..=u8::MAX).collect();
        let shown = StoredName::new(every_byte).to_string();
        assert!(!shown.chars().any(char::is_control), "{shown:?}");
    }
}
