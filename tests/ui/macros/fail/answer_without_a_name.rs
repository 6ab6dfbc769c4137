use diesel_manifold::prelude::*;

struct Albums {
    db: Manifold,
}

#[repository]
impl Albums {
    #[read]
    async fn rows(&self, _conn: &mut ReadConn<'_>) -> Result<impl Iterator<Item = i32>> {
        Ok(0..3)
    }
}

fn main() {}
