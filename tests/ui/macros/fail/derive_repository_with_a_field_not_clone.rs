use std::sync::atomic::AtomicU64;

use diesel_manifold::prelude::*;

#[derive(Repository)]
struct Albums {
    db: Manifold,
    asked: AtomicU64,
    motto: String,
}

fn main() {}
