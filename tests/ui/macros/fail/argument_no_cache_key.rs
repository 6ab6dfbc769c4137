use diesel_manifold::prelude::*;

struct Albums {
    db: Manifold,
}

#[repository]
impl Albums {
    #[cached]
    async fn near(&self, _conn: &mut ReadConn<'_>, at: (i32, f64)) -> Result<i32> {
        let _ = at;
        Ok(1)
    }
}

fn main() {}
