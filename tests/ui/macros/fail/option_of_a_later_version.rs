use diesel_manifold::prelude::*;

struct Albums {
    db: Manifold,
}

#[repository]
impl Albums {
    #[cached(ttl = "2m", swr = "10s", negative = "5s")]
    async fn all(&self, _conn: &mut ReadConn<'_>) -> Result<i32> {
        Ok(1)
    }
}

fn main() {}
