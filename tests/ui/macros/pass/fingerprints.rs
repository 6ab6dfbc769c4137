//! Whatever changes the bytes of a value at rest changes the fingerprint of its type.
use std::sync::Arc;

use diesel_manifold::{Cacheable, Fingerprint};
use serde::{Deserialize, Serialize};

/// A type in a module of its own, so that versions of it can bear the same name.
macro_rules! version {
    ($module:ident: $($item:tt)*) => {
        mod $module {
            #[allow(unused_imports)]
            use super::{Money, Node};
            #[derive(Clone, serde::Serialize, serde::Deserialize, diesel_manifold::Cacheable)]
            $($item)*
            pub const PRINT: diesel_manifold::Fingerprint =
                <Album as diesel_manifold::Cacheable>::FINGERPRINT;
        }
    };
}

#[derive(Clone, Serialize, Deserialize)]
pub struct Money(i64);

#[derive(Clone, Serialize, Deserialize, Cacheable)]
pub struct Node {
    id: i32,
    #[cacheable(version = 1)]
    children: Vec<Node>,
}

version!(base: pub struct Album { id: i32, title: String });
version!(same: pub struct Album { id: i32, title: String });
version!(documented: #[allow(dead_code)] pub struct Album { /** A. */ pub id: i32, title: String });
version!(name: pub struct Album { id: i32, name: String });
version!(kind: pub struct Album { id: i64, title: String });
version!(order: pub struct Album { title: String, id: i32 });
version!(option: pub struct Album { id: i32, title: Option<String> });
version!(more: pub struct Album { id: i32, title: String, year: i32 });
version!(renamed: pub struct Album { id: i32, #[serde(rename = "t")] title: String });
version!(skipped: pub struct Album { id: i32, #[serde(skip)] title: String });
version!(container: #[serde(rename_all = "camelCase")] pub struct Album { id: i32, title: String });
version!(versioned: #[cacheable(version = 1)] pub struct Album { id: i32, title: String });
version!(versioned_2: #[cacheable(version = 2)] pub struct Album { id: i32, title: String });
version!(foreign: pub struct Album { id: i32, #[cacheable(version = 1)] title: Money });
version!(foreign_2: pub struct Album { id: i32, #[cacheable(version = 2)] title: Money });
version!(nested: pub struct Album { id: i32, title: Node });
version!(tuple: pub struct Album(i32, String););
version!(unit: pub struct Album;);
version!(variants: pub enum Album { A, B(i32) });
version!(variants_order: pub enum Album { B(i32), A });
version!(variants_name: pub enum Album { A, C(i32) });
version!(variants_field: pub enum Album { A, B { id: i32 } });
version!(variants_serde: pub enum Album { #[serde(rename = "a")] A, B(i32) });
version!(variants_more: pub enum Album { A, B(i32), C });

const fn equal(one: Fingerprint, other: Fingerprint) -> bool {
    one.get() == other.get()
}

const VERSIONS: &[Fingerprint] = &[
    base::PRINT,
    name::PRINT,
    kind::PRINT,
    order::PRINT,
    option::PRINT,
    more::PRINT,
    renamed::PRINT,
    skipped::PRINT,
    container::PRINT,
    versioned::PRINT,
    versioned_2::PRINT,
    foreign::PRINT,
    foreign_2::PRINT,
    nested::PRINT,
    tuple::PRINT,
    unit::PRINT,
    variants::PRINT,
    variants_order::PRINT,
    variants_name::PRINT,
    variants_field::PRINT,
    variants_serde::PRINT,
    variants_more::PRINT,
];

const _: () = assert!(equal(base::PRINT, same::PRINT));
const _: () = assert!(equal(base::PRINT, documented::PRINT));
const _: () = {
    let mut one = 0;
    while one < VERSIONS.len() {
        let mut other = one + 1;
        while other < VERSIONS.len() {
            assert!(!equal(VERSIONS[one], VERSIONS[other]));
            other += 1;
        }
        one += 1;
    }
};

#[derive(Clone, Serialize, Deserialize, Cacheable)]
struct Page<T, const N: usize = 1>
where
    T: Ord,
{
    rows: Vec<T>,
    next: Option<Arc<T>>,
}

const _: () = assert!(!equal(Page::<i32>::FINGERPRINT, Page::<i64>::FINGERPRINT));

#[derive(Clone, Serialize, Deserialize, Cacheable)]
struct Wrapped<T, const N: usize> {
    #[cacheable(version = 1)]
    value: Vec<T>,
}

const _: () = {
    let one = Wrapped::<u64, 1>::FINGERPRINT;
    assert!(equal(one, Wrapped::<u64, 1>::FINGERPRINT));
    assert!(!equal(one, Wrapped::<Vec<u8>, 1>::FINGERPRINT));
    assert!(!equal(one, Wrapped::<u64, 2>::FINGERPRINT));
};

fn main() {}
