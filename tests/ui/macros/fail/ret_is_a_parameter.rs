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

    #[write(invalidates(by_id(ret)))]
    async fn rename(&self, _conn: &mut WriteConn<'_>, ret: i32) -> Result<i32> {
        Ok(ret)
    }
}

fn main() {}
