use diesel_manifold::prelude::*;

struct Albums {
    db: Manifold,
}

#[repository]
impl Albums {
    #[read]
    async fn half(&self, conn: &mut ReadConn<'_>) -> Result<i32> {
        conn.pipelin();
        Ok(title)
    }
}

fn main() {}
