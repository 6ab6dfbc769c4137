use diesel_manifold::prelude::*;

struct Albums {
    db: Manifold,
}

#[repository]
impl Albums {
    #[read]
    async fn half(&self, conn: &mut ) -> Result<i32> {
        Ok(1)
    }

    #[read]
    async fn all(&self, _conn: &mut ReadConn<'_>) -> Result<i32> {
        Ok(1)
    }

    async fn uses(&self) -> Result<i32> {
        self.all().await
    }
}

fn main() {}
