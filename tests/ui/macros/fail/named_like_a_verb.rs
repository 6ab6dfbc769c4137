use diesel_manifold::{Manifold, prelude::*};

pub struct Albums {
    db: Manifold,
}

#[repository]
impl Albums {
    #[read]
    pub async fn first(&self, _conn: &mut ReadConn<'_>) -> Result<i32> {
        Ok(1)
    }
}

fn main() {}
