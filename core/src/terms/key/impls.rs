//! [`CacheKey`] for the types of the standard library and, behind features, of the usual crates.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Write};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use super::{CacheKey, KeyWriter};

/// Lets a value that prints itself unambiguously print itself into the key, without an allocation.
impl Write for KeyWriter {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.raw(text.as_bytes());
        Ok(())
    }
}

impl KeyWriter {
    pub(crate) fn printed(&mut self, value: fmt::Arguments<'_>) {
        // Our own `write_str` does not fail, and the values printed here are std's and chrono's.
        let _ = self.write_fmt(value);
    }
}

macro_rules! literal {
    ($($ty:ident)*) => {$(
        impl CacheKey for $ty {
            fn write_key(&self, key: &mut KeyWriter) {
                key.printed(format_args!(concat!("{}", stringify!($ty)), self));
            }
        }
    )*};
}
literal!(i8 i16 i32 i64 i128 isize u8 u16 u32 u64 u128 usize);

impl CacheKey for bool {
    fn write_key(&self, key: &mut KeyWriter) {
        key.raw(if *self { b"true" } else { b"false" });
    }
}

impl CacheKey for char {
    fn write_key(&self, key: &mut KeyWriter) {
        key.printed(format_args!("{self:?}"));
    }
}

impl CacheKey for () {
    fn write_key(&self, key: &mut KeyWriter) {
        key.raw(b"()");
    }
}

impl CacheKey for str {
    fn write_key(&self, key: &mut KeyWriter) {
        key.quoted(self);
    }
}

impl CacheKey for String {
    fn write_key(&self, key: &mut KeyWriter) {
        key.quoted(self);
    }
}

impl CacheKey for Duration {
    fn write_key(&self, key: &mut KeyWriter) {
        key.printed(format_args!("{}ns", self.as_nanos()));
    }
}

macro_rules! by_reference {
    ($($ty:ty),*) => {$(
        impl<T: CacheKey + ?Sized> CacheKey for $ty {
            fn write_key(&self, key: &mut KeyWriter) {
                (**self).write_key(key);
            }
        }
    )*};
}
by_reference!(&T, Box<T>, Rc<T>, Arc<T>);

impl<T: CacheKey + ToOwned + ?Sized> CacheKey for Cow<'_, T> {
    fn write_key(&self, key: &mut KeyWriter) {
        (**self).write_key(key);
    }
}

impl<T: CacheKey> CacheKey for Option<T> {
    fn write_key(&self, key: &mut KeyWriter) {
        match self {
            None => key.raw(b"None"),
            Some(value) => {
                key.raw(b"Some(");
                value.write_key(key);
                key.raw(b")");
            }
        }
    }
}

impl<T: CacheKey> CacheKey for [T] {
    fn write_key(&self, key: &mut KeyWriter) {
        key.sequence("[", self, "]");
    }
}

impl<T: CacheKey, const N: usize> CacheKey for [T; N] {
    fn write_key(&self, key: &mut KeyWriter) {
        self.as_slice().write_key(key);
    }
}

impl<T: CacheKey> CacheKey for Vec<T> {
    fn write_key(&self, key: &mut KeyWriter) {
        self.as_slice().write_key(key);
    }
}

impl<T: CacheKey> CacheKey for BTreeSet<T> {
    fn write_key(&self, key: &mut KeyWriter) {
        key.sequence("{", self, "}");
    }
}

impl<K: CacheKey, V: CacheKey> CacheKey for BTreeMap<K, V> {
    fn write_key(&self, key: &mut KeyWriter) {
        key.sequence("{", self, "}");
    }
}

macro_rules! tuples {
    ($(($($name:ident . $index:tt),+))*) => {$(
        impl<$($name: CacheKey),+> CacheKey for ($($name,)+) {
            fn write_key(&self, key: &mut KeyWriter) {
                key.raw(b"(");
                $(self.$index.write_key(key); key.raw(b",");)+
                key.raw(b")");
            }
        }
    )*};
}
tuples! {
    (A.0) (A.0, B.1) (A.0, B.1, C.2) (A.0, B.1, C.2, D.3)
    (A.0, B.1, C.2, D.3, E.4) (A.0, B.1, C.2, D.3, E.4, F.5)
    (A.0, B.1, C.2, D.3, E.4, F.5, G.6) (A.0, B.1, C.2, D.3, E.4, F.5, G.6, H.7)
}

#[cfg(feature = "uuid")]
impl CacheKey for uuid::Uuid {
    fn write_key(&self, key: &mut KeyWriter) {
        let mut text = uuid::Uuid::encode_buffer();
        key.raw(self.as_hyphenated().encode_lower(&mut text).as_bytes());
    }
}

#[cfg(feature = "chrono")]
mod dates {
    use super::{CacheKey, KeyWriter};
    use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, TimeZone, Utc};

    macro_rules! debug_printed {
        ($($ty:ty),*) => {$(
            impl CacheKey for $ty {
                fn write_key(&self, key: &mut KeyWriter) {
                    // chrono's `Debug` is the full ISO 8601 form, to the nanosecond.
                    key.printed(format_args!("{self:?}"));
                }
            }
        )*};
    }
    debug_printed!(NaiveDate, NaiveDateTime, NaiveTime);

    /// The instant, whatever its time zone: equal instants are equal keys, as `==` has it.
    impl<Tz: TimeZone> CacheKey for DateTime<Tz> {
        fn write_key(&self, key: &mut KeyWriter) {
            key.printed(format_args!("{:?}", self.with_timezone(&Utc)));
        }
    }
}

#[cfg(feature = "serde_json")]
impl CacheKey for serde_json::Value {
    fn write_key(&self, key: &mut KeyWriter) {
        match self {
            Self::Null => key.raw(b"null"),
            Self::Bool(value) => value.write_key(key),
            Self::Number(value) => key.printed(format_args!("{value}")),
            Self::String(value) => key.quoted(value),
            Self::Array(items) => items.write_key(key),
            Self::Object(fields) => {
                // Equal objects must be equal keys, whatever order serde_json was built to keep.
                let ordered: BTreeMap<_, _> = fields.iter().collect();
                ordered.write_key(key);
            }
        }
    }
}
