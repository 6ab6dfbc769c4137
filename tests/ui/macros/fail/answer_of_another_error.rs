use diesel_manifold::prelude::*;

struct Mine;

struct Albums {
    db: Manifold,
}

#[repository]
impl Albums {
    #[write]
    async fn one(&self, _conn: &mut WriteConn<'_>) -> std::result::Result<i32, Mine> {
        Err(Mine)
    }
}

fn main() {}
