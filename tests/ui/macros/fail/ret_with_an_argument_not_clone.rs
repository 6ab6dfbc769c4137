use diesel_manifold::prelude::*;

struct User(i32);

struct Albums {
    db: Manifold,
}

#[repository]
impl Albums {
    #[cached]
    async fn by_id(&self, _conn: &mut ReadConn<'_>, id: i32) -> Result<i32> {
        Ok(id)
    }

    #[write(invalidates(by_id(ret + user.0)))]
    async fn add(&self, _conn: &mut WriteConn<'_>, user: User) -> Result<i32> {
        Ok(user.0)
    }
}

fn main() {}
