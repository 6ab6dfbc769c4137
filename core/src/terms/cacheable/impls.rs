//! [`Cacheable`] for the types of the standard library and, behind features, of the usual crates.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::hash::{BuildHasher, Hash};
use std::sync::Arc;
use std::time::Duration;

use super::Cacheable;
use crate::terms::fingerprint::Fingerprint;

macro_rules! plain {
    ($($ty:ty),* $(,)?) => {$(
        impl Cacheable for $ty {
            const FINGERPRINT: Fingerprint = Fingerprint::of(stringify!($ty));
        }
    )*};
}
plain!(
    bool, char, i8, i16, i32, i64, i128, u8, u16, u32, u64, u128, f32, f64, String, Duration
);
#[cfg(feature = "uuid")]
plain!(uuid::Uuid);
#[cfg(feature = "chrono")]
plain!(
    chrono::NaiveDate,
    chrono::NaiveDateTime,
    chrono::NaiveTime,
    chrono::DateTime<chrono::Utc>,
    chrono::DateTime<chrono::FixedOffset>,
);

macro_rules! transparent {
    ($($ty:ident),*) => {$(
        impl<T: Cacheable> Cacheable for $ty<T> {
            // serde writes the value itself, so the shape at rest is the value's.
            const FINGERPRINT: Fingerprint = T::FINGERPRINT;

            fn is_worth_keeping(&self) -> bool {
                (**self).is_worth_keeping()
            }
        }
    )*};
}
transparent!(Box, Arc);

impl<T: Cacheable> Cacheable for Option<T> {
    const FINGERPRINT: Fingerprint = Fingerprint::of("Option").part(T::FINGERPRINT);

    fn is_worth_keeping(&self) -> bool {
        self.as_ref().is_some_and(T::is_worth_keeping)
    }
}

impl<T: Cacheable> Cacheable for Vec<T> {
    const FINGERPRINT: Fingerprint = Fingerprint::of("Vec").part(T::FINGERPRINT);
}

impl<T: Cacheable + Ord> Cacheable for BTreeSet<T> {
    const FINGERPRINT: Fingerprint = Fingerprint::of("Set").part(T::FINGERPRINT);
}

impl<T, S> Cacheable for HashSet<T, S>
where
    T: Cacheable + Eq + Hash,
    S: BuildHasher + Default + Clone + Send + Sync + 'static,
{
    const FINGERPRINT: Fingerprint = Fingerprint::of("Set").part(T::FINGERPRINT);
}

impl<K: Cacheable + Ord, V: Cacheable> Cacheable for BTreeMap<K, V> {
    const FINGERPRINT: Fingerprint = Fingerprint::of("Map")
        .part(K::FINGERPRINT)
        .part(V::FINGERPRINT);
}

impl<K, V, S> Cacheable for HashMap<K, V, S>
where
    K: Cacheable + Eq + Hash,
    V: Cacheable,
    S: BuildHasher + Default + Clone + Send + Sync + 'static,
{
    const FINGERPRINT: Fingerprint = Fingerprint::of("Map")
        .part(K::FINGERPRINT)
        .part(V::FINGERPRINT);
}

macro_rules! arrays {
    ($($n:literal)*) => {$(
        impl<T: Cacheable> Cacheable for [T; $n] {
            const FINGERPRINT: Fingerprint =
                Fingerprint::of("Array").number($n).part(T::FINGERPRINT);
        }
    )*};
}
// serde reads arrays up to this length.
arrays!(1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32);

macro_rules! tuples {
    ($(($($name:ident),+))*) => {$(
        impl<$($name: Cacheable),+> Cacheable for ($($name,)+) {
            const FINGERPRINT: Fingerprint =
                Fingerprint::of("Tuple")$(.part($name::FINGERPRINT))+;
        }
    )*};
}
tuples! { (A) (A, B) (A, B, C) (A, B, C, D) (A, B, C, D, E) (A, B, C, D, E, F) (A, B, C, D, E, F, G) (A, B, C, D, E, F, G, H) }
