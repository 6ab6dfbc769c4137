use diesel_manifold::prelude::*;

struct Albums {
    db: Manifold,
}

#[repository]
impl Albums {
    #[cached]
    async fn by_id(&self, _conn: &mut ReadConn<'_>, id: i32) -> Result<i32> {
        Ok(id)
    }

    #[write(invalidates({ ids.into_iter().map(|id| Self::by_id_key(&id)) }))]
    async fn add(&self, _conn: &mut WriteConn<'_>, ids: Vec<i32>) -> Result<usize> {
        Ok(ids.len())
    }
}

fn main() {}
