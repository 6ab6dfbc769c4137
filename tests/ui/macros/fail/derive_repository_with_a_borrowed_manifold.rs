use diesel_manifold::prelude::*;

#[derive(Repository)]
struct Albums<'a> {
    #[repository(db)]
    db: &'a Manifold,
}

fn main() {}
