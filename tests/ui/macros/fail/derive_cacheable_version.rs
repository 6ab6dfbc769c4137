use diesel_manifold::Cacheable;
use serde::{Deserialize, Serialize};

#[derive(Clone, Serialize, Deserialize, Cacheable)]
#[cacheable(versoin = 1)]
struct Invoice {
    #[cacheable(version = "1")]
    id: i64,
    #[cacheable]
    total: i64,
    #[cacheable(version)]
    tax: i64,
    #[cacheable(version = 1, version = 2)]
    sum: i64,
}

#[derive(Clone, Serialize, Deserialize, Cacheable)]
enum State {
    #[cacheable(version = 1)]
    Open,
}

fn main() {}
