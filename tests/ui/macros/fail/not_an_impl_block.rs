use diesel_manifold::prelude::*;

#[repository]
struct Albums {
    db: Manifold,
}

fn main() {}
