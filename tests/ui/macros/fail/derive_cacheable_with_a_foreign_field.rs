use diesel_manifold::Cacheable;
use serde::{Deserialize, Serialize};

#[derive(Clone, Serialize, Deserialize)]
struct Money(i64);

#[derive(Clone, Serialize, Deserialize, Cacheable)]
struct Invoice {
    id: i64,
    total: Vec<Money>,
}

fn main() {}
