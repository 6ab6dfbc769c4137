use diesel_manifold::prelude::*;

struct Albums {
    db: Manifold,
}

#[repository]
impl Albums {
    #[cached(eventual)]
    async fn all(&self, _conn: &mut ReadConn<'_>) -> Result<i32> {
        Ok(1)
    }

    #[write(strong)]
    async fn one(&self, _conn: &mut WriteConn<'_>) -> Result<i32> {
        Ok(1)
    }
}

fn main() {}
