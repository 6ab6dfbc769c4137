//! An impl that a `macro_rules` writes, with everything passed in.
use diesel_manifold::prelude::*;

macro_rules! repository_of {
    ($name:ident, $row:ty, $ttl:literal, $vis:vis, |$this:ident, $conn:ident, $id:ident: $key:ty| $body:block) => {
        pub struct $name {
            db: Manifold,
        }

        #[repository]
        impl $name {
            /// One row.
            #[cached(ttl = $ttl)]
            $vis async fn by_id(&$this, $conn: &mut ReadConn<'_>, $id: $key) -> Result<Vec<$row>> $body

            #[read]
            $vis async fn plain(&self, _conn: &mut ReadConn<'_>, key: &$key) -> Result<Option<$row>> {
                let _ = (key, &self.db);
                Ok(None)
            }

            #[write(invalidates(by_id(key), ret.map(|()| Self::by_id_key(&key))))]
            $vis async fn remove(&self, _conn: &mut WriteConn<'_>, key: $key) -> Result<Option<()>> {
                let _ = (key, &self.db);
                Ok(None)
            }

            $vis const ROWS: &'static str = stringify!($row);
        }
    };
}

repository_of!(Numbers, i64, "2m", pub, |self, conn, id: i32| {
    let _ = (conn, &self.db, id);
    Ok(vec![1])
});
repository_of!(Words, String, 90, pub(crate), |self, _conn, id: &'static str| {
    Ok(vec![id.to_owned()])
});

pub fn spawned(numbers: Numbers, words: Words) {
    tokio::spawn(async move {
        numbers.by_id(1).await?;
        numbers.plain(&1).await?;
        words.by_id("x").await?;
        words.remove("x").await?;
        Ok::<_, diesel_manifold::Error>(())
    });
}

fn main() {
    assert!(
        Numbers::by_id_key(&7)
            .to_string()
            .ends_with("::Numbers::by_id(7i32)")
    );
}
