use diesel_manifold::prelude::*;

struct Albums {
    db: Manifold,
}

#[repository]
impl Albums {
    #[cached]
    async fn by_id<T: Into<i32>>(&self, _conn: &mut ReadConn<'_>, id: T) -> Result<i32> {
        Ok(id.into())
    }
}

fn main() {}
