use diesel_manifold::prelude::*;

struct Albums {
    db: Manifold,
}

#[repository]
impl Albums {
    #[write(retry = 1)]
    async fn keep(
        &self,
        _conn: &mut WriteConn<'_>,
        rows: Box<dyn Iterator<Item = i32> + Send>,
    ) -> Result<i32> {
        Ok(rows.sum())
    }
}

fn main() {}
