use diesel_manifold::prelude::*;

#[derive(Repository)]
struct Albums {
    #[repository(database)]
    db: Manifold,
}

#[derive(Repository)]
struct Songs(#[repository(db = self.0)] Manifold);

#[derive(Repository)]
struct Artists {
    #[repository]
    db: Manifold,
}

fn main() {}
