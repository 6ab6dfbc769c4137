use diesel_manifold::prelude::*;

struct Albums {
    manifold: Manifold,
}

#[repository(pool = self.manifold)]
impl Albums {
    #[read]
    async fn all(&self, _conn: &mut ReadConn<'_>) -> Result<i32> {
        Ok(1)
    }
}

fn main() {}
