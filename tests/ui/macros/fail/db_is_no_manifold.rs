use diesel_manifold::prelude::*;

struct Albums {
    url: String,
}

#[repository(db = self.url)]
impl Albums {
    #[read]
    async fn all(&self, _conn: &mut ReadConn<'_>) -> Result<i32> {
        Ok(1)
    }
}

fn main() {}
