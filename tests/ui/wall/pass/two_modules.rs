//! A module that still imports diesel-async's verbs takes a `WriteConn` as it is.

mod old {
    use diesel::pg::Pg;
    use diesel::prelude::*;
    use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl};
    use diesel_manifold::WriteConn;

    diesel::table! {
        artists (id) {
            id -> Integer,
            name -> Text,
        }
    }

    pub async fn concrete(conn: &mut AsyncPgConnection) -> QueryResult<usize> {
        diesel::delete(artists::table).execute(conn).await
    }

    pub async fn generic<C: AsyncConnection<Backend = Pg>>(conn: &mut C) -> QueryResult<usize> {
        diesel::delete(artists::table).execute(conn).await
    }

    pub async fn ours(conn: &mut WriteConn<'_>) -> QueryResult<usize> {
        diesel::delete(artists::table).execute(conn).await
    }
}

mod new {
    use super::old;
    use diesel_manifold::prelude::*;

    pub async fn all(conn: &mut WriteConn<'_>) -> QueryResult<usize> {
        Ok(old::concrete(conn).await? + old::generic(conn).await? + old::ours(conn).await?)
    }
}

fn main() {
    let _ = new::all;
}
