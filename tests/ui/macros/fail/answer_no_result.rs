use diesel_manifold::prelude::*;

struct Albums {
    db: Manifold,
}

#[repository]
impl Albums {
    #[read]
    async fn one(&self, _conn: &mut ReadConn<'_>) -> Option<i32> {
        None
    }
}

fn main() {}
