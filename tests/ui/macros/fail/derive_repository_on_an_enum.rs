use diesel_manifold::prelude::*;

#[derive(Repository)]
enum Albums {
    Here(Manifold),
}

#[derive(Repository)]
union Either {
    db: std::mem::ManuallyDrop<Manifold>,
}

fn main() {}
