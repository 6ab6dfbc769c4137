//! What `invalidates(..)` takes, and that deref coercion serves it.
use std::sync::Arc;

use diesel_manifold::prelude::*;
use diesel_manifold::{CacheKey, IntoKeys, Key};

pub struct Artists {
    db: Manifold,
}

#[repository]
impl Artists {
    #[cached]
    pub async fn by_id(&self, _conn: &mut ReadConn<'_>, id: i32) -> Result<i32> {
        Ok(id)
    }

    #[cached]
    pub async fn page(
        &self,
        _conn: &mut ReadConn<'_>,
        after: Option<i32>,
        limit: i64,
    ) -> Result<Vec<i32>> {
        let _ = (after, limit);
        Ok(Vec::new())
    }
}

#[derive(Clone)]
pub struct User {
    email: String,
    ids: Vec<i32>,
}

#[derive(Clone, Copy, CacheKey)]
pub struct Point {
    x: i32,
    y: i32,
}

pub struct Users {
    db: Manifold,
    tenant: i32,
}

fn everything(id: &i32) -> impl IntoKeys + use<> {
    [Artists::by_id_key(id), Users::by_id_key(id)]
}

mod keys {
    pub fn all() -> Vec<diesel_manifold::Key> {
        Vec::new()
    }
}

#[repository]
impl Users {
    #[cached]
    pub async fn by_email(&self, _conn: &mut ReadConn<'_>, email: &str) -> Result<i32> {
        let _ = email;
        Ok(1)
    }

    #[cached]
    pub async fn by_id(&self, _conn: &mut ReadConn<'_>, id: i32) -> Result<i32> {
        Ok(id)
    }

    #[cached]
    pub async fn by_ids(&self, _conn: &mut ReadConn<'_>, ids: &[i32]) -> Result<i32> {
        Ok(ids.len() as i32)
    }

    #[cached]
    pub async fn at(&self, _conn: &mut ReadConn<'_>, Point { x, y }: Point) -> Result<i32> {
        Ok(x + y)
    }

    /// A key function by hand counts as one.
    pub fn home_key(id: &i32) -> Key {
        Self::by_id_key(id)
    }

    #[read]
    pub async fn home(&self, _conn: &mut ReadConn<'_>, id: i32) -> Result<i32> {
        Ok(id)
    }

    #[write(invalidates(
        by_email(&user.email),
        by_email(user.email),
        by_email(email),
        by_email("x"),
        by_id(id),
        by_id(*id),
        by_id(owned),
        by_id(owned + 1),
        by_id(shared),
        by_id(self.tenant),
        by_ids(&user.ids),
        by_ids(user.ids),
        by_ids(&[1, 2]),
        at(Point { x: 1, y: 2 }),
        Self::by_id(owned),
        Users::home(owned),
        crate::Artists::page(None, 10),
        Artists::page(Some(owned), limit as i64),
        Some(Self::by_id_key(id)),
        None::<Key>,
        vec![Self::by_id_key(id)],
        user.ids.iter().map(Self::by_id_key),
        { everything(id) },
        keys::all(),
    ))]
    pub async fn change(
        &self,
        _conn: &mut WriteConn<'_>,
        user: User,
        email: &str,
        id: &i32,
        owned: i32,
        shared: Arc<i32>,
        limit: i32,
    ) -> Result<()> {
        drop((user, email, id, owned, shared, limit));
        Ok(())
    }

    #[write(invalidates(
        by_id(&x),
        at(Point { x, y }),
        ret.iter().map(|id| Self::by_id_key(id)),
        ret.as_ref().map(|id| Artists::by_id_key(&(id + x))),
        by_email(user.email),
        by_email(other),
        by_email(format!("{ret:?}{other}")),
    ))]
    pub async fn patterns(
        &self,
        _conn: &mut WriteConn<'_>,
        Point { mut x, y }: Point,
        (_left, mut right): (i32, i32),
        user: User,
        ref other: String,
        _: bool,
    ) -> Result<Option<i32>> {
        x += right;
        right += y;
        drop((user, other));
        Ok(Some(x + right))
    }
}

fn main() {
    assert_eq!(Users::home_key(&1), Users::by_id_key(&1));
    assert!(
        Users::at_key(&Point { x: 1, y: -2 })
            .to_string()
            .ends_with("at(Point{x:1i32,y:-2i32})")
    );
}
