//! What became of a transaction whose COMMIT got lost: asked of the server, on another connection.

use std::time::Duration;

use diesel::sql_types::{Nullable, Text};
use diesel_async::RunQueryDsl;

use crate::pools::Pools;
use crate::pools::queries::Xid;

/// The server's word on a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It is committed.
    Committed,
    /// It is rolled back.
    RolledBack,
    /// Nobody could say within the deadline.
    Unknown,
}

/// Between two questions. The server decides a lost transaction when it notices the lost connection,
/// mostly within milliseconds.
const PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

impl Pools {
    /// Asks [`pg_xact_status`](https://www.postgresql.org/docs/current/functions-info.html) until it
    /// has decided, or the deadline is over.
    #[expect(
        clippy::disallowed_methods,
        reason = "it waits for the server, which no clock of ours steps"
    )]
    pub async fn fate(&self, xid: Xid, deadline: Duration) -> Fate {
        let asking = async {
            let mut pause = PAUSE;
            loop {
                if let Some(fate) = self.ask(xid).await {
                    return fate;
                }
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
        };
        tokio::time::timeout(deadline, asking)
            .await
            .unwrap_or(Fate::Unknown)
    }

    /// `None`: not decided yet, or nobody to ask.
    async fn ask(&self, xid: Xid) -> Option<Fate> {
        let mut lease = self.write().await.ok()?;
        let query = diesel::select(diesel::dsl::sql::<Nullable<Text>>(&format!(
            "pg_xact_status('{}'::xid8)",
            xid.get()
        )));
        let status: Option<String> = query.get_result(lease.raw()).await.ok()?;
        lease.give_back();
        match status.as_deref() {
            Some("committed") => Some(Fate::Committed),
            Some("aborted") => Some(Fate::RolledBack),
            Some(_) => None,
            // So old that the server forgot it: it was decided long ago, and nobody knows how.
            None => Some(Fate::Unknown),
        }
    }
}
