use diesel_manifold::prelude::*;

struct Albums {
    db: Manifold,
}

#[repository]
impl Albums {
    #[read]
    async fn fill(&self, _conn: &mut ReadConn<'_>, #[cfg(any())] row: i32) -> Result<()> {
        Ok(())
    }
}

fn main() {}
