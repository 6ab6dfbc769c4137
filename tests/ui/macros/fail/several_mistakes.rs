use diesel_manifold::prelude::*;

struct Albums {
    db: Manifold,
}

#[repository]
impl Albums {
    #[cached(ttl = "soon", attempts = 0)]
    fn by_id<T>(self, conn: &mut WriteConn<'_>, id: T, out: &mut i32) -> Result<i32> {
        let _ = (conn, id, out);
        Ok(1)
    }

    #[write(isolation = snapshot, invalidates(by_id(id), tag(x)))]
    async fn rename(&self, id: i32) -> Result<i32> {
        Ok(id)
    }

    #[read]
    async fn all(&self, _conn: &mut ReadConn<'_>) -> Result<i32> {
        Ok(1)
    }

    #[write(invalidates(by_id(1)))]
    async fn correct(&self, _conn: &mut WriteConn<'_>) -> Result<i32> {
        self.all().await
    }
}

fn main() {}
