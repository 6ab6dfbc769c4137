use diesel_manifold::prelude::*;

type Conn<'a> = WriteConn<'a>;

struct Albums {
    db: Manifold,
}

#[repository]
impl Albums {
    #[read]
    async fn all(&self, _conn: &mut Conn<'_>) -> Result<i32> {
        Ok(1)
    }
}

fn main() {}
