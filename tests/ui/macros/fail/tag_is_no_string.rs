use diesel_manifold::prelude::*;

struct Reports {
    db: Manifold,
}

#[repository]
impl Reports {
    #[read(tag = analytics)]
    async fn all(&self, _conn: &mut ReadConn<'_>) -> Result<i32> {
        Ok(1)
    }

    #[cached(tag = "")]
    async fn one(&self, _conn: &mut ReadConn<'_>) -> Result<i32> {
        Ok(1)
    }

    #[read(consistency = strong, tag = "analytics")]
    async fn now(&self, _conn: &mut ReadConn<'_>) -> Result<i32> {
        Ok(1)
    }

    #[write(tag = "analytics")]
    async fn set(&self, _conn: &mut WriteConn<'_>) -> Result<i32> {
        Ok(1)
    }
}

fn main() {}
