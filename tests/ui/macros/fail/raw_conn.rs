use diesel_manifold::prelude::*;

struct Albums {
    db: Manifold,
}

#[repository]
impl Albums {
    #[read]
    async fn all(&self, _conn: &mut diesel_async::AsyncPgConnection) -> Result<i32> {
        Ok(1)
    }
}

fn main() {}
