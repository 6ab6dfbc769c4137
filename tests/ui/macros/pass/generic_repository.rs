//! Repositories with type, constant and lifetime parameters of their own.
use std::marker::PhantomData;

use diesel_manifold::prelude::*;

pub trait Kind: Send + Sync + 'static {
    const NAME: &'static str;
}

pub struct Things<K, const N: usize> {
    db: Manifold,
    kind: PhantomData<K>,
}

#[repository]
impl<K: Kind, const N: usize> Things<K, N>
where
    Self: Sync,
{
    pub const SIZE: usize = N;

    #[read]
    pub async fn one_of(&self, _conn: &mut ReadConn<'_>, ids: [i32; N]) -> Result<Option<i32>> {
        Ok(ids.iter().next().copied())
    }

    #[read]
    pub async fn merged<T>(&self, _conn: &mut ReadConn<'_>, _with: &Self, make: T) -> Result<T>
    where
        T: Clone + Send + Sync,
    {
        Ok(make)
    }

    #[write(retry = 1)]
    pub async fn add<T: Into<i64> + Clone + Send>(
        &self,
        _conn: &mut WriteConn<'_>,
        value: T,
    ) -> Result<i64> {
        Ok(value.into())
    }
}

pub struct Borrowing<'a> {
    db: &'a Manifold,
    names: &'a [String],
}

#[repository]
impl Borrowing<'_> {
    #[read]
    pub async fn names(&self, _conn: &mut ReadConn<'_>, _other: &Self) -> Result<&[String]> {
        Ok(self.names)
    }

    #[cached]
    pub async fn count(&self, _conn: &mut ReadConn<'_>, of: &str) -> Result<i64> {
        Ok(self.names.iter().filter(|name| *name == of).count() as i64)
    }

    #[write(invalidates(count(name)))]
    pub async fn add(&self, _conn: &mut WriteConn<'_>, name: String) -> Result<()> {
        drop(name);
        Ok(())
    }
}

pub struct Named<'a>(&'a Manifold);

#[repository(db = self.0)]
impl<'a> Named<'a> {
    #[read]
    pub async fn whole(&'a self, _conn: &mut ReadConn<'_>) -> Result<&'a Manifold> {
        Ok(self.0)
    }
}

pub fn spawned<K: Kind>(things: Things<K, 2>) {
    tokio::spawn(async move {
        things.one_of([1, 2]).await?;
        things.merged(&things, "x").await?;
        things.add(3_i32).await?;
        Ok::<_, diesel_manifold::Error>(())
    });
}

pub fn spawned_borrowing(db: Manifold) {
    tokio::spawn(async move {
        let names = vec!["a".to_owned()];
        let borrowing = Borrowing {
            db: &db,
            names: &names,
        };
        borrowing.names(&borrowing).await?;
        borrowing.count("a").await?;
        borrowing.add("b".to_owned()).await?;
        Ok::<_, diesel_manifold::Error>(())
    });
}

fn main() {}
