use diesel_manifold::prelude::*;

struct Albums {
    db: Manifold,
}

trait Store {
    async fn all(&self, conn: &mut ReadConn<'_>) -> Result<i32>;
}

#[repository]
impl Store for Albums {
    #[read]
    async fn all(&self, _conn: &mut ReadConn<'_>) -> Result<i32> {
        Ok(1)
    }
}

fn main() {}
