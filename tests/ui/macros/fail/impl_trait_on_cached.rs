use diesel_manifold::prelude::*;

struct Albums {
    db: Manifold,
}

#[repository]
impl Albums {
    #[cached]
    async fn named(&self, _conn: &mut ReadConn<'_>, name: impl Into<String>) -> Result<String> {
        Ok(name.into())
    }
}

fn main() {}
