//! Which structs are made around another handle of their manifold.
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use diesel_manifold::prelude::*;
use diesel_manifold::{Consistency, Policy};

#[derive(Repository)]
pub struct Albums {
    db: Manifold,
    pub tenant: i64,
}

#[repository]
impl Albums {
    #[cached(scope(tenant: i64 = self.tenant))]
    pub async fn by_id(&self, _conn: &mut ReadConn<'_>, id: i32) -> Result<i32> {
        Ok(id)
    }
}

#[derive(Repository)]
pub struct Songs(Vec<String>, diesel_manifold::Manifold);

#[repository(db = self.1)]
impl Songs {
    #[read]
    pub async fn first_of(&self, _conn: &mut ReadConn<'_>) -> Result<Option<String>> {
        Ok(self.0.iter().next().cloned())
    }
}

/// Not `Clone`, and nothing that a repository of its kind would hold.
pub struct Live;

#[derive(Repository)]
pub struct Things<'n, K, T: 'n = String, const N: usize = 2>
where
    K: Send,
{
    names: &'n [T; N],
    db: Manifold,
    kind: PhantomData<fn() -> K>,
    more: Option<T>,
}

#[derive(Repository)]
pub struct Shared {
    #[repository(db)]
    db: Arc<Manifold>,
    calls: Arc<std::sync::atomic::AtomicU64>,
}

#[derive(Repository)]
pub struct Boxed(#[repository(db)] Box<Manifold>);

/// A repository of repositories, which all go through one.
#[derive(Repository)]
pub struct Behind {
    #[repository(db)]
    albums: Albums,
    archive: Manifold,
}

#[derive(Repository)]
pub struct Over<R> {
    #[repository(db)]
    inner: R,
    r#type: u8,
}

type Db = Manifold;

#[derive(Clone, Repository)]
pub struct Alias {
    #[repository(db)]
    db: Db,
    change: (),
    field_0: (),
}

macro_rules! repository_of {
    ($name:ident, $ty:ty) => {
        #[derive(Repository)]
        pub struct $name {
            db: $ty,
        }
    };
}
repository_of!(Written, Manifold);

pub fn spawned(albums: Albums) {
    tokio::spawn(async move {
        albums.with(Consistency::Strong).by_id(7).await?;
        let lately = Policy::new().max_staleness(Duration::from_millis(500));
        let albums = albums.with(lately);
        albums.by_id(albums.tenant as i32).await
    });
}

pub fn of_any<R: Repository>(repository: &R) -> R {
    repository.with(Consistency::Eventual)
}

pub fn all<'n>(
    songs: &Songs,
    things: &Things<'n, Live, String>,
    shared: Arc<Shared>,
    (boxed, behind, alias): (&Boxed, &Behind, &Alias),
    over: &Over<Over<Albums>>,
    written: &Written,
) -> Things<'n, Live> {
    let _ = (of_any(songs), of_any(boxed), of_any(behind), of_any(alias));
    let _: Shared = shared.with(Consistency::Strong);
    let _: Manifold = shared.db.with(Consistency::Strong);
    let _ = (over.with(Policy::new()), of_any(written));
    things.with(Consistency::Session)
}

fn main() {}
