use diesel_manifold::prelude::*;

struct Albums {
    db: Manifold,
}

#[repository]
impl Albums {
    #[write(floor = session)]
    async fn all(&self, _conn: &mut WriteConn<'_>) -> Result<i32> {
        Ok(1)
    }

    #[write(floor)]
    async fn one(&self, _conn: &mut WriteConn<'_>) -> Result<i32> {
        Ok(1)
    }

    #[write(floor(none))]
    async fn some(&self, _conn: &mut WriteConn<'_>) -> Result<i32> {
        Ok(1)
    }
}

fn main() {}
