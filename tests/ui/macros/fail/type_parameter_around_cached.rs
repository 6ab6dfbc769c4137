use diesel_manifold::prelude::*;

struct Things<K> {
    db: Manifold,
    kind: std::marker::PhantomData<K>,
}

#[repository]
impl<K: Send + Sync> Things<K> {
    #[cached]
    async fn all(&self, _conn: &mut ReadConn<'_>) -> Result<i32> {
        Ok(1)
    }
}

fn main() {}
