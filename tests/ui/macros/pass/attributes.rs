//! Each attribute of a method lands on the item that it is about.
#![deny(deprecated, unused)]

use diesel_manifold::prelude::*;

pub struct Albums {
    db: Manifold,
}

#[repository]
#[allow(clippy::all)]
impl Albums {
    /// Here.
    #[cfg(all())]
    #[cached]
    pub async fn chosen(&self, _conn: &mut ReadConn<'_>) -> Result<i32> {
        Ok(1)
    }

    /// Not here: `Missing` does not exist.
    #[cfg(any())]
    #[cached]
    pub async fn chosen(&self, _conn: &mut ReadConn<'_>, missing: Missing) -> Result<Missing> {
        Ok(missing)
    }

    #[cfg(any())]
    #[write(invalidates(chosen(missing)))]
    pub async fn absent(&self, conn: &mut WriteConn<'_>, missing: Missing) -> Result<()> {
        Ok(())
    }

    #[cfg_attr(any(), cfg(any()), nothing_such)]
    #[read]
    pub async fn conditional(&self, _conn: &mut ReadConn<'_>) -> Result<i32> {
        Ok(1)
    }

    #[deprecated = "use `chosen`"]
    #[must_use]
    #[write(invalidates(chosen()))]
    pub async fn old(&self, _conn: &mut WriteConn<'_>) -> Result<i32> {
        Ok(1)
    }

    #[read]
    #[tracing::instrument(skip(self, conn), fields(title = %title), err)]
    pub async fn traced(&self, conn: &mut ReadConn<'_>, title: &str) -> Result<usize> {
        let _ = conn;
        Ok(title.len())
    }

    #[tracing::instrument(skip_all, fields(id, ret = title))]
    #[write(invalidates(chosen(), ret.map(|_| Self::chosen_key())))]
    pub async fn traced_write(
        &self,
        _conn: &mut WriteConn<'_>,
        id: i32,
        title: &str,
    ) -> Result<Option<i32>> {
        let _ = title;
        Ok(Some(id))
    }

    #[expect(unused_variables, reason = "the body does not look at it")]
    #[write(invalidates(chosen()))]
    pub async fn unused(&self, _conn: &mut WriteConn<'_>, id: i32) -> Result<()> {
        Ok(())
    }

    #[allow(unused_variables)]
    #[read]
    pub async fn unused_read(&self, conn: &mut ReadConn<'_>, id: i32) -> Result<()> {
        Ok(())
    }
}

pub async fn calls(albums: &Albums, conn: &mut WriteConn<'_>) -> Result<()> {
    // Only the public method is deprecated.
    albums.old_on(conn).await?;
    albums.chosen().await?;
    albums.conditional().await?;
    Ok(())
}

fn main() {}
