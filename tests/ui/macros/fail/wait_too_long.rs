use diesel_manifold::prelude::*;

struct Albums {
    db: Manifold,
}

#[repository]
impl Albums {
    #[read(wait = 61)]
    async fn all(&self, _conn: &mut ReadConn<'_>) -> Result<i32> {
        Ok(1)
    }
}

fn main() {}
