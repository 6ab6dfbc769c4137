//! What became of a transaction whose COMMIT got lost: asked of the server, on another connection.

use std::time::Duration;

use diesel::sql_types::{Nullable, Text};
use diesel_async::RunQueryDsl;

use crate::pools::Pools;
use crate::pools::queries::Xid;
use crate::terms::position::Position;
use crate::terms::sighting::Incarnation;

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

/// What `pg_xact_status` said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Status {
    Committed,
    Aborted,
    /// Not decided, or never assigned by this incarnation of the server.
    Open,
    /// So old that the server forgot it.
    Forgotten,
}

impl Status {
    /// What that says of our transaction; `None`: nothing yet. `same`: the server that answers has
    /// not restarted since the transaction.
    ///
    /// After a restart an id whose record had not reached the disk is assigned again, to a stranger.
    /// So "committed" may be the stranger's; "aborted" and "open" still say that ours is not there.
    const fn fate(self, same: bool) -> Option<Fate> {
        match (self, same) {
            (Self::Committed, true) => Some(Fate::Committed),
            (Self::Aborted, _) | (Self::Open, false) => Some(Fate::RolledBack),
            (Self::Open, true) => None,
            (Self::Committed, false) | (Self::Forgotten, _) => Some(Fate::Unknown),
        }
    }
}

impl Pools {
    /// Asks [`pg_xact_status`](https://www.postgresql.org/docs/current/functions-info.html) until it
    /// has decided, or the deadline is over. `born` is the server's incarnation in which the
    /// transaction ran. With the fate comes a position behind it, if the server could tell.
    #[expect(
        clippy::disallowed_methods,
        reason = "it waits for the server, which no clock of ours steps"
    )]
    pub async fn fate(
        &self,
        xid: Xid,
        born: &Incarnation,
        deadline: Duration,
    ) -> (Fate, Option<Position>) {
        let asking = async {
            let mut pause = PAUSE;
            loop {
                if let Some(answer) = self.ask(xid, born).await {
                    return answer;
                }
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
        };
        tokio::time::timeout(deadline, asking)
            .await
            .unwrap_or((Fate::Unknown, None))
    }

    /// The fate, and a position behind it. `None`: not decided yet, or nobody to ask.
    async fn ask(&self, xid: Xid, born: &Incarnation) -> Option<(Fate, Option<Position>)> {
        let mut lease = self.write().await.ok()?;
        // An id that was never assigned is an error to `pg_xact_status`, so it is not asked for one
        // above all that have ended.
        let query = diesel::select(diesel::dsl::sql::<Nullable<Text>>(&format!(
            "CASE WHEN '{xid}'::xid8 >= pg_snapshot_xmax(pg_current_snapshot()) THEN 'in progress' \
             ELSE pg_xact_status('{xid}'::xid8) END",
            xid = xid.get()
        )));
        let status: Option<String> = query.get_result(lease.raw()).await.ok()?;
        let same = lease.line().door.incarnation.is(born);
        let position = lease.position().await;
        lease.give_back();
        let status = match status.as_deref() {
            Some("committed") => Status::Committed,
            Some("aborted") => Status::Aborted,
            Some(_) => Status::Open,
            None => Status::Forgotten,
        };
        status.fate(same).map(|fate| (fate, position))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_server_that_has_not_restarted_is_believed_a_commit() {
        let table = [
            (Status::Committed, true, Some(Fate::Committed)),
            (Status::Committed, false, Some(Fate::Unknown)),
            (Status::Aborted, true, Some(Fate::RolledBack)),
            (Status::Aborted, false, Some(Fate::RolledBack)),
            (Status::Open, true, None),
            (Status::Open, false, Some(Fate::RolledBack)),
            (Status::Forgotten, true, Some(Fate::Unknown)),
            (Status::Forgotten, false, Some(Fate::Unknown)),
        ];
        for (status, same, fate) in table {
            assert_eq!(status.fate(same), fate, "{status:?}, same server: {same}");
        }
    }
}
