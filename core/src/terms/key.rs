//! The *key* of a cached answer: the call, written down.
//!
//! A key reads like the call it stands for, `shop::Albums::by_id(7i32)`, in the syntax of Rust
//! literals. That makes it readable in Redis and *injective*: two different calls never write the
//! same bytes, whatever their arguments hold, because every value says its type and where it ends.
//! Keys are compared whole; no digest decides identity in the process, and the one that shortens a
//! long key in Redis is SHA-256, which cannot be collided on purpose.

use std::fmt;
use std::hash::{Hash, Hasher};

use crate::terms::call::CachedCall;

mod impls;

/// Arguments up to this many bytes are kept in the key itself, without an allocation.
const INLINE: usize = 56;

/// The key of one cached answer.
#[derive(Clone)]
pub struct Key {
    cache: &'static str,
    arguments: Bytes,
}

#[derive(Clone)]
enum Bytes {
    Inline { len: u8, bytes: [u8; INLINE] },
    Heap(Vec<u8>),
}

impl Bytes {
    const fn new() -> Self {
        Self::Inline {
            len: 0,
            bytes: [0; INLINE],
        }
    }

    fn as_slice(&self) -> &[u8] {
        match self {
            Self::Inline { len, bytes } => &bytes[..usize::from(*len)],
            Self::Heap(bytes) => bytes,
        }
    }

    fn extend(&mut self, more: &[u8]) {
        match self {
            Self::Heap(bytes) => bytes.extend_from_slice(more),
            Self::Inline { len, bytes } => {
                let used = usize::from(*len);
                let end = used + more.len();
                // `end` fits a `u8` wherever it fits the array: INLINE is below 256.
                if let (Some(free), Ok(new)) = (bytes.get_mut(used..end), u8::try_from(end)) {
                    free.copy_from_slice(more);
                    *len = new;
                } else {
                    let mut heap = Vec::with_capacity(end.max(2 * INLINE));
                    heap.extend_from_slice(&bytes[..used]);
                    heap.extend_from_slice(more);
                    *self = Self::Heap(heap);
                }
            }
        }
    }
}

impl Key {
    /// The name of the cached method, the readable first part of the key.
    pub fn cache(&self) -> &'static str {
        self.cache
    }

    /// The arguments as written, parentheses included: `(7i32)`. UTF-8 unless an argument's own
    /// [`CacheKey`] wrote other bytes.
    pub fn arguments(&self) -> &[u8] {
        self.arguments.as_slice()
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.arguments() == other.arguments() && self.cache == other.cache
    }
}

impl Eq for Key {}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.cache.hash(state);
        self.arguments().hash(state);
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}{}",
            self.cache,
            String::from_utf8_lossy(self.arguments())
        )
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({self})")
    }
}

/// Writes a key, argument by argument.
#[derive(Debug)]
pub struct KeyWriter {
    key: Key,
    first: bool,
}

impl KeyWriter {
    /// Begins the key of a call of the cached method.
    pub fn new(call: &CachedCall) -> Self {
        let mut arguments = Bytes::new();
        arguments.extend(b"(");
        Self {
            key: Key {
                cache: call.cache,
                arguments,
            },
            first: true,
        }
    }

    /// Writes the next argument.
    #[must_use]
    pub fn argument<T: CacheKey + ?Sized>(mut self, argument: &T) -> Self {
        if !std::mem::take(&mut self.first) {
            self.raw(b",");
        }
        argument.write_key(&mut self);
        self
    }

    /// Ends the key.
    #[must_use]
    pub fn finish(mut self) -> Key {
        self.raw(b")");
        self.key
    }

    /// Appends `bytes` as they are.
    ///
    /// Whoever implements [`CacheKey`] by hand keeps it injective: no value's bytes may be the
    /// beginning of another value's bytes of the same type.
    pub fn raw(&mut self, bytes: &[u8]) {
        self.key.arguments.extend(bytes);
    }

    /// Appends `text` in quotes, with quotes and backslashes escaped, so that it ends where it says.
    pub fn quoted(&mut self, text: &str) {
        self.raw(b"\"");
        let mut rest = text.as_bytes();
        while let Some(at) = rest.iter().position(|b| matches!(b, b'"' | b'\\')) {
            self.raw(&rest[..at]);
            self.raw(&[b'\\', rest[at]]);
            rest = &rest[at + 1..];
        }
        self.raw(rest);
        self.raw(b"\"");
    }

    /// Appends the items of a sequence between `open` and `close`, separated by commas.
    pub fn sequence<T: CacheKey>(
        &mut self,
        open: &str,
        items: impl IntoIterator<Item = T>,
        close: &str,
    ) {
        self.raw(open.as_bytes());
        for item in items {
            item.write_key(self);
            // A comma behind every item, the last too: it is what tells `[]` from `[""]`-likes
            // without a special case.
            self.raw(b",");
        }
        self.raw(close.as_bytes());
    }
}

/// A value that can be part of a cache key: it writes itself injectively.
///
/// Derive it for your own types; it is implemented for the integers, `bool`, `char`, strings,
/// `Option`, tuples, arrays, slices, `Vec`, ordered sets and maps and, behind features, for `Uuid`,
/// chrono's dates and `serde_json::Value`. Floats have none: `NaN` is not equal to itself and
/// `0.0 == -0.0`, so "the same arguments" has no meaning for them.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be part of a cache key",
    label = "every argument of a `#[cached]` method is part of its key",
    note = "for a type of your own: `#[derive(CacheKey)]`",
    note = "a float is no key, because `NaN != NaN`: pass `to_bits()` or a decimal; a `HashMap` has no order: pass a `BTreeMap`"
)]
pub trait CacheKey {
    /// Writes this value into the key.
    fn write_key(&self, key: &mut KeyWriter);
}

/// What `invalidates(..)` and `conn.invalidate(..)` accept: a [`Key`], an `Option` or any iterator
/// of them.
#[diagnostic::on_unimplemented(
    message = "`{Self}` names no cached answer",
    label = "expected a `Key`, an `Option<Key>` or an iterator of `Key`s",
    note = "`Albums::by_id_key(&id)` is the key of `albums.by_id(id)`"
)]
pub trait IntoKeys {
    /// The keys.
    fn into_keys(self) -> impl Iterator<Item = Key>;
}

impl IntoKeys for Key {
    fn into_keys(self) -> impl Iterator<Item = Key> {
        std::iter::once(self)
    }
}

impl<I: IntoIterator<Item = Key>> IntoKeys for I {
    fn into_keys(self) -> impl Iterator<Item = Key> {
        self.into_iter()
    }
}

#[cfg(test)]
mod tests;
