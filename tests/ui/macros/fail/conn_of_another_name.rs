use diesel_manifold::prelude::*;

struct Albums {
    db: Manifold,
}

#[repository]
impl Albums {
    #[write]
    async fn rename(&self, id: i32, _conn: &mut WriteConn<'_>) -> Result<i32> {
        Ok(id)
    }
}

fn main() {}
