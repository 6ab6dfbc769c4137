use diesel_manifold::prelude::*;

struct Albums {
    db: Manifold,
}

#[repository]
impl Albums {
    #[read(consistency = session, wait = "1s")]
    #[cached(consistency = eventual, wait = 0)]
    async fn all(&self, _conn: &mut ReadConn<'_>) -> Result<i32> {
        Ok(1)
    }
}

fn main() {}
