use diesel_manifold::prelude::*;

struct User(i32);

struct Albums {
    db: Manifold,
}

#[repository]
impl Albums {
    #[read]
    async fn named(
        &self,
        _conn: &mut ReadConn<'_>,
        name: impl Into<String> + Send,
    ) -> Result<String> {
        Ok(name.into())
    }

    #[read]
    async fn of(&self, _conn: &mut ReadConn<'_>, user: User) -> Result<i32> {
        Ok(user.0)
    }
}

fn main() {}
