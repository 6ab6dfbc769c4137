//! Where a repository may keep its manifold.
use std::sync::Arc;

use diesel_manifold::prelude::*;

pub struct Shared {
    db: Arc<Manifold>,
}

#[repository]
impl Shared {
    #[read]
    pub async fn one(&self, _conn: &mut ReadConn<'_>) -> Result<i32> {
        Ok(1)
    }
}

pub struct Store {
    manifold: Manifold,
}

impl Store {
    pub fn manifold(&self) -> &Manifold {
        &self.manifold
    }
}

pub struct Behind {
    store: Store,
}

#[repository(db = self.store.manifold())]
impl Behind {
    #[cached]
    pub async fn one(&self, _conn: &mut ReadConn<'_>) -> Result<i32> {
        Ok(1)
    }

    #[write(invalidates(one()))]
    pub async fn two(&self, _conn: &mut WriteConn<'_>) -> Result<i32> {
        Ok(2)
    }
}

pub struct Boxed(Box<Manifold>);

#[repository(db = *self.0)]
impl Boxed {
    #[read]
    pub async fn one(&self, _conn: &mut ReadConn<'_>) -> Result<i32> {
        Ok(1)
    }
}

fn main() {}
