//! What a read may say about how fresh its answer is, and a write about who has to see it.
use std::time::Duration;

use diesel_manifold::prelude::*;
use diesel_manifold::{Consistency, Policy};

pub struct Albums {
    db: Manifold,
}

#[repository]
impl Albums {
    #[read(consistency = strong)]
    pub async fn strong(&self, _conn: &mut ReadConn<'_>) -> Result<i32> {
        Ok(1)
    }

    #[read(consistency = session, max_staleness = 60, wait = "1m")]
    pub async fn session(&self, _conn: &mut ReadConn<'_>) -> Result<i32> {
        Ok(1)
    }

    #[read(consistency = eventual, attempts = 1)]
    pub async fn eventual(&self, _conn: &mut ReadConn<'_>) -> Result<i32> {
        Ok(1)
    }

    #[read(max_staleness = "500ms", consistency = eventual, wait = 0)]
    pub async fn bounded(&self, _conn: &mut ReadConn<'_>) -> Result<i32> {
        Ok(1)
    }

    #[read(wait = "0ms")]
    pub async fn at_once(&self, _conn: &mut ReadConn<'_>) -> Result<i32> {
        Ok(1)
    }

    #[cached]
    pub async fn as_ever(&self, _conn: &mut ReadConn<'_>) -> Result<i32> {
        Ok(1)
    }

    #[cached(ttl = "2m", consistency = eventual)]
    pub async fn kept(&self, _conn: &mut ReadConn<'_>) -> Result<i32> {
        Ok(1)
    }

    #[read(consistency = session, wait = "25ms")]
    #[cached(max_staleness = "2s")]
    pub async fn beside(&self, _conn: &mut ReadConn<'_>, id: i32) -> Result<i32> {
        Ok(id)
    }

    #[write(floor = none)]
    pub async fn heartbeat(&self, _conn: &mut WriteConn<'_>) -> Result<()> {
        Ok(())
    }

    #[write(floor = none, transaction = off, invalidates(none))]
    pub async fn audit(&self, _conn: &mut WriteConn<'_>) -> Result<()> {
        Ok(())
    }

    #[write(invalidates(kept(), beside(ret)), floor = none, retry = 2)]
    pub async fn rename(&self, _conn: &mut WriteConn<'_>) -> Result<i32> {
        Ok(1)
    }
}

fn main() {
    let session = Policy::new();
    assert_eq!(Albums::AS_EVER_CALL.read.policy, session);
    assert_eq!(
        Albums::KEPT_CALL.read.policy,
        Policy::from(Consistency::Eventual)
    );
    assert_eq!(
        Albums::BESIDE_CALL.read.policy,
        session
            .max_staleness(Duration::from_secs(2))
            .wait(Duration::from_millis(25))
    );
}
