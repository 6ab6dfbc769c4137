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

    #[read]
    async fn all(&self, _conn: &mut ReadConn<'_>) -> Result<i32> {
        Ok(1)
    }

    #[write(invalidates(by_id(ids)))]
    async fn rename(&self, _conn: &mut WriteConn<'_>, id: i32, title: &str) -> Result<Option<i32>> {
        let _ = title;
        Ok(Some(id))
    }
}

fn main() {}
