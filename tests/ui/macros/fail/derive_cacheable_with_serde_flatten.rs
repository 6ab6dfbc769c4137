use diesel_manifold::Cacheable;
use serde::{Deserialize, Serialize};

#[derive(Clone, Serialize, Deserialize, Cacheable)]
struct Inner {
    id: i32,
}

#[derive(Clone, Serialize, Deserialize, Cacheable)]
struct Outer {
    #[serde(flatten)]
    inner: Inner,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    note: Option<String>,
}

fn main() {}
