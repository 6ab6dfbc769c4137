use diesel_manifold::prelude::*;

struct Albums {
    db: Manifold,
}

#[repository]
impl Albums {
    #[write]
    async fn touch(&self, _conn: &mut WriteConn<'_>) {}
}

fn main() {}
