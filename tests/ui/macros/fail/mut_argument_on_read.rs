use diesel_manifold::prelude::*;

struct Albums {
    db: Manifold,
}

#[repository]
impl Albums {
    #[read]
    async fn fill(&self, _conn: &mut ReadConn<'_>, rows: &mut Vec<i32>) -> Result<()> {
        rows.clear();
        Ok(())
    }
}

fn main() {}
