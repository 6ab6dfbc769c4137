use diesel_manifold::prelude::*;

struct Albums {
    db: Manifold,
}

#[repository]
impl Albums {
    #[read(consistency = "strong")]
    async fn all(&self, _conn: &mut ReadConn<'_>) -> Result<i32> {
        Ok(1)
    }

    #[cached(consistency = linearizable)]
    async fn some(&self, _conn: &mut ReadConn<'_>) -> Result<i32> {
        Ok(1)
    }

    #[read(consistency)]
    async fn one(&self, _conn: &mut ReadConn<'_>) -> Result<i32> {
        Ok(1)
    }
}

fn main() {}
