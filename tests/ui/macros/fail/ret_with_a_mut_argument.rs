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

    #[write(invalidates(by_id(ret + ids.len() as i32)))]
    async fn add(&self, _conn: &mut WriteConn<'_>, ids: &mut Vec<i32>) -> Result<i32> {
        Ok(ids.len() as i32)
    }
}

fn main() {}
