//! What the writers write and the readers read.

use diesel::sql_types::{Bool, Text};
use diesel_manifold::Manifold;
use diesel_manifold::prelude::*;

use crate::pooled::pressure::TIMEOUTS;
use crate::shop::album;

/// What a body sees of its server and its settings.
#[derive(Debug, QueryableByName)]
pub struct Seen {
    #[diesel(sql_type = Bool)]
    pub standby: bool,
    #[diesel(sql_type = Text)]
    read_only: String,
    #[diesel(sql_type = Text)]
    timeout: String,
    #[diesel(sql_type = Text)]
    default_read_only: String,
}

const SEEN: &str = "SELECT pg_is_in_recovery() AS standby, \
    current_setting('transaction_read_only') AS read_only, \
    current_setting('statement_timeout') AS timeout, \
    current_setting('default_transaction_read_only') AS default_read_only";

impl Seen {
    /// What of it is not as it should be.
    pub fn flaw(&self, read_only: &str) -> Option<String> {
        let timeout = TIMEOUTS[usize::from(self.standby)].1;
        let is_right = (&*self.read_only, &*self.timeout, &*self.default_read_only)
            == (read_only, timeout, "off");
        (!is_right).then(|| format!("{self:?}"))
    }
}

/// The numbers of the writers, one in each row.
#[derive(Clone, Repository)]
pub struct Numbers {
    pub db: Manifold,
}

#[repository]
impl Numbers {
    #[write]
    pub async fn set(&self, conn: &mut WriteConn<'_>, id: i32, number: i64) -> Result<Seen> {
        let seen = diesel::sql_query(SEEN).get_result(conn).await?;
        let title = album::title.eq(format!("{id} {number}"));
        let update = diesel::update(album::table.find(id)).set(title);
        update.execute(conn).await?;
        Ok(seen)
    }

    /// The numbers and, behind them, the settings.
    #[read]
    pub async fn get(&self, conn: &mut ReadConn<'_>) -> Result<(Vec<i64>, Seen)> {
        let titles = album::table.order(album::id).select(album::title).limit(2);
        let titles: Vec<String> = titles.load(conn).await?;
        let number = |title: &String| title.split_once(' ')?.1.parse().ok();
        let numbers = titles.iter().map(|title| number(title).unwrap_or(0));
        let seen = diesel::sql_query(SEEN).assert_read_only();
        Ok((numbers.collect(), seen.get_result(conn).await?))
    }
}
