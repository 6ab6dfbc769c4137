use diesel_manifold::prelude::*;

#[derive(Repository)]
struct Albums {
    db: Manifold,
    archive: diesel_manifold::Manifold,
}

#[derive(Repository)]
struct Songs(#[repository(db)] Manifold, #[repository(db)] Manifold);

fn main() {}
