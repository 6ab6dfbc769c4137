use std::sync::Arc;

use diesel_manifold::prelude::*;

#[derive(Repository)]
struct Albums {
    db: Arc<Manifold>,
}

#[derive(Repository)]
struct Nothing;

fn main() {}
