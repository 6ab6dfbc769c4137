use diesel_manifold::{Consistency, prelude::*};

struct Albums {
    db: Manifold,
}

fn strong<R: Repository>(repository: &R) -> R {
    repository.with(Consistency::Strong)
}

fn of_albums(albums: &Albums) -> Albums {
    strong(albums)
}

fn main() {}
