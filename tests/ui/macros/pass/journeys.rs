//! Every journey can be spawned: the futures of public methods are `Send`, and are seen to be.
use std::sync::Arc;

use diesel_manifold::prelude::*;
use diesel_manifold::{CacheKey, Cacheable};

#[derive(Clone, serde::Serialize, serde::Deserialize, Cacheable)]
pub struct Album {
    id: i32,
    title: String,
}

#[derive(Clone, CacheKey)]
pub enum Order {
    Newest,
    By { column: String, up: bool },
}

#[derive(Clone)]
pub struct Filter<'a> {
    pub artist: Option<&'a str>,
}

pub struct Albums {
    db: Manifold,
    tenant: i64,
    motto: String,
}

#[repository]
impl Albums {
    pub const LIMIT: i64 = { 100 };

    pub fn new(db: Manifold) -> Self {
        Self {
            db,
            tenant: 1,
            motto: String::new(),
        }
    }

    #[read]
    pub async fn all(&self, _conn: &mut ReadConn<'_>) -> Result<Vec<Album>> {
        Ok(Vec::new())
    }

    #[read]
    pub async fn named<'n>(
        &self,
        conn: &mut ReadConn<'_>,
        names: &[&'n str],
        mut limit: i64,
    ) -> QueryResult<Vec<&'n str>> {
        limit += 1;
        let _ = (conn.pipeline(), limit);
        Ok(names.to_vec())
    }

    #[read]
    pub async fn pattern(
        &self,
        _conn: &mut ReadConn<'_>,
        (page, _size): (i64, i64),
        _: bool,
        Filter { artist }: Filter<'_>,
        ref title: String,
        words @ [_, ..]: [&str; 2],
    ) -> Result<String> {
        if page > Self::LIMIT {
            return Ok(title.clone());
        }
        Ok(format!("{artist:?}{words:?}"))
    }

    #[read]
    pub async fn opaque(
        &self,
        _conn: &mut ReadConn<'_>,
        title: impl Into<String> + Clone + Send,
        others: &[impl AsRef<str> + Sync],
        ids: impl IntoIterator<Item = i32, IntoIter: Send> + Clone + Send,
    ) -> Result<String> {
        let sum: i32 = ids.into_iter().sum();
        Ok(format!("{}{}{sum}", title.into(), others.len()))
    }

    #[read]
    pub async fn opaque_with_elided(
        &self,
        _conn: &mut ReadConn<'_>,
        ids: impl Fn(&i32) -> bool + Clone + Send,
        names: impl IntoIterator<Item = &str, IntoIter: Send> + Clone + Send,
    ) -> Result<usize> {
        Ok(names.into_iter().count() + usize::from(ids(&1)))
    }

    #[read(attempts = 1)]
    pub async fn once(
        &self,
        _conn: &mut ReadConn<'_>,
        title: impl Into<String> + Send,
        rows: Box<dyn Iterator<Item = i32> + Send>,
    ) -> Result<String> {
        Ok(format!("{}{}", title.into(), rows.count()))
    }

    #[read]
    pub async fn generic<T, const N: usize>(
        &self,
        conn: &mut ReadConn<'_>,
        value: T,
        numbers: [i32; N],
        _other: &Self,
    ) -> Result<Option<T>>
    where
        T: Clone + Send + Sync + PartialEq<i32>,
    {
        let _ = conn;
        Ok(numbers
            .iter()
            .any(|number| value == *number)
            .then_some(value))
    }

    #[read]
    pub async fn default_of<T: Default + Send>(&self, _conn: &mut ReadConn<'_>) -> Result<T> {
        Ok(T::default())
    }

    #[read]
    pub async fn motto(&self, _conn: &mut ReadConn<'_>) -> Result<&str> {
        Ok(&self.motto)
    }

    #[read]
    pub async fn either<'a>(
        &'a self,
        _conn: &mut ReadConn<'_>,
        other: &'a str,
        check: fn(&str) -> bool,
    ) -> Result<std::borrow::Cow<'a, str>> {
        Ok(if check(other) {
            other.into()
        } else {
            self.motto.as_str().into()
        })
    }

    #[cached(ttl = "2m", scope(tenant: i64 = self.tenant))]
    pub async fn by_id(&self, _conn: &mut ReadConn<'_>, id: i32) -> Result<Option<Arc<Album>>> {
        let _ = id;
        Ok(None)
    }

    #[read]
    #[cached(ttl = 90, name = "albums.sorted", attempts = 2)]
    pub async fn sorted<'a>(
        &self,
        _conn: &mut ReadConn<'_>,
        word: &'a str,
        words: &[&'a str],
        order: Order,
    ) -> Result<Vec<Album>> {
        let _ = (word, words, order);
        Ok(Vec::new())
    }

    #[write(
        invalidates(
            by_id(self.tenant, id),
            sorted(title, &[title], Order::Newest),
            ret.iter().map(|album| Self::by_id_key(&self.tenant, &album.id)),
            Some(Self::by_id_key(&self.tenant, &(id + 1))),
        ),
        isolation = serializable,
        retry = 3
    )]
    pub async fn rename(
        &self,
        conn: &mut WriteConn<'_>,
        id: i32,
        title: &str,
    ) -> Result<Vec<Album>> {
        let _ = title;
        self.by_id_on(&mut conn.as_read(), id).await?;
        conn.invalidate(Self::by_id_key(&self.tenant, &id));
        Ok(Vec::new())
    }

    #[write(transaction = off)]
    pub async fn log(&self, conn: &mut WriteConn<'_>, lines: &mut Vec<String>) -> Result<()> {
        self.rename_on(conn, 1, "x").await?;
        lines.clear();
        Ok(())
    }

    #[write(invalidates(none), isolation = read_committed)]
    async fn touch(&self, _conn: &mut WriteConn<'_>) -> Result<()> {
        Ok(())
    }
}

pub fn spawned(albums: Arc<Albums>) {
    tokio::spawn(async move {
        let numbers = vec![1, 2];
        albums.all().await?;
        albums.named(&["x"], 3).await?;
        albums
            .pattern(
                (1, 2),
                true,
                Filter { artist: Some("x") },
                "y".into(),
                ["a", "b"],
            )
            .await?;
        albums.opaque("x", &["y"], numbers).await?;
        albums.once("x", Box::new(0..3)).await?;
        albums.generic::<_, 2>(2, [1, 2], &albums).await?;
        albums.default_of::<String>().await?;
        albums.motto().await?;
        albums.by_id(3).await?;
        albums
            .sorted(
                "w",
                &["v"],
                Order::By {
                    column: "c".into(),
                    up: true,
                },
            )
            .await?;
        albums.rename(3, "x").await?;
        albums.log(&mut Vec::new()).await?;
        albums.touch().await?;
        Ok::<_, diesel_manifold::Error>(())
    });
}

pub async fn borrowed(albums: &Albums) -> Result<()> {
    albums.either("x", str::is_empty).await?;
    albums.opaque_with_elided(|id| *id > 0, ["x"]).await?;
    Ok(())
}

fn main() {
    let key = Albums::sorted_key(
        "w",
        &["v"],
        &Order::By {
            column: "c".into(),
            up: true,
        },
    );
    assert_eq!(
        key.to_string(),
        r#"albums.sorted("w",["v",],Order::By{column:"c",up:true})"#
    );
    assert!(
        Albums::by_id_key(&1, &7)
            .to_string()
            .ends_with("::Albums::by_id(1i64,7i32)")
    );
}
