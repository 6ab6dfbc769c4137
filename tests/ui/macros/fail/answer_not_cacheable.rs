use diesel_manifold::prelude::*;

struct Album;

struct Albums {
    db: Manifold,
}

#[repository]
impl Albums {
    #[cached]
    async fn one(&self, _conn: &mut ReadConn<'_>) -> Result<Option<Album>> {
        Ok(None)
    }
}

fn main() {}
