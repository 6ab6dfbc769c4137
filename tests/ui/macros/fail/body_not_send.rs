use diesel_manifold::prelude::*;

struct Albums {
    db: Manifold,
}

#[repository]
impl Albums {
    #[read]
    async fn of(&self, conn: &mut ReadConn<'_>) -> Result<i32> {
        let user = std::rc::Rc::new(1);
        self.other_on(conn).await?;
        Ok(*user)
    }

    #[read]
    async fn other(&self, _conn: &mut ReadConn<'_>) -> Result<i32> {
        Ok(1)
    }
}

fn main() {}
