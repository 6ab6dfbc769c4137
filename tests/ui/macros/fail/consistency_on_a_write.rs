use diesel_manifold::prelude::*;

struct Albums {
    db: Manifold,
}

#[repository]
impl Albums {
    #[write(consistency = session, wait = "1s")]
    async fn all(&self, _conn: &mut WriteConn<'_>) -> Result<i32> {
        Ok(1)
    }
}

fn main() {}
