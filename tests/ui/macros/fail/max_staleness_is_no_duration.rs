use diesel_manifold::prelude::*;

struct Albums {
    db: Manifold,
}

#[repository]
impl Albums {
    #[read(max_staleness = 0.5)]
    async fn all(&self, _conn: &mut ReadConn<'_>) -> Result<i32> {
        Ok(1)
    }

    #[read(max_staleness, consistency = eventual, wait = 1)]
    async fn one(&self, _conn: &mut ReadConn<'_>) -> Result<i32> {
        Ok(1)
    }
}

fn main() {}
