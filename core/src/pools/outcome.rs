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
    /// What that says of our transaction; `None`: nothing yet.
    ///
    /// After a restart an id whose record had not reached the disk is assigned again, to a stranger.
    /// So "committed" may be the stranger's; "aborted" and "open" still say that ours is not there.
    const fn fate(self, run: Run) -> Option<Fate> {
        match (self, run) {
            (Self::Committed, Run::Same) => Some(Fate::Committed),
            (Self::Aborted, _) | (Self::Open, Run::Another) => Some(Fate::RolledBack),
            (Self::Open, Run::Same | Run::Perhaps) => None,
            (Self::Committed, Run::Another | Run::Perhaps) | (Self::Forgotten, _) => {
                Some(Fate::Unknown)
            }
        }
    }
}

/// Whether the server that answers has restarted since the transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Run {
    /// It has not.
    Same,
    /// It has, or is another one.
    Another,
    /// Nobody knows: our role may not see it (it needs `pg_monitor`).
    Perhaps,
}

impl Run {
    fn of(born: &Incarnation, now: &Incarnation) -> Self {
        if now.is(born) {
            Self::Same
        } else if now.may_be(born) || now.is_nobodys() || born.is_nobodys() {
            Self::Perhaps
        } else {
            Self::Another
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
        // Through an opaque endpoint only one transaction is one server's.
        if lease.is_opaque() && !lease.begin_write("BEGIN").await.ok()? {
            return None;
        }
        // An id that was never assigned is an error to `pg_xact_status`, so it is not asked for one
        // above all that have ended.
        let query = diesel::select(diesel::dsl::sql::<Nullable<Text>>(&format!(
            "CASE WHEN '{xid}'::xid8 >= pg_snapshot_xmax(pg_current_snapshot()) THEN 'in progress' \
             ELSE pg_xact_status('{xid}'::xid8) END",
            xid = xid.get()
        )));
        let status: Option<String> = query.get_result(lease.raw()).await.ok()?;
        let run = Run::of(born, &lease.line().door.incarnation);
        let position = lease.position().await;
        if !lease.is_opaque() || lease.roll_back().await.is_ok() {
            lease.give_back();
        }
        let status = match status.as_deref() {
            Some("committed") => Status::Committed,
            Some("aborted") => Status::Aborted,
            Some(_) => Status::Open,
            None => Status::Forgotten,
        };
        status.fate(run).map(|fate| (fate, position))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_server_that_has_not_restarted_is_believed_a_commit() {
        let table = [
            (Status::Committed, Run::Same, Some(Fate::Committed)),
            (Status::Committed, Run::Another, Some(Fate::Unknown)),
            (Status::Committed, Run::Perhaps, Some(Fate::Unknown)),
            (Status::Aborted, Run::Same, Some(Fate::RolledBack)),
            (Status::Aborted, Run::Another, Some(Fate::RolledBack)),
            (Status::Aborted, Run::Perhaps, Some(Fate::RolledBack)),
            (Status::Open, Run::Same, None),
            (Status::Open, Run::Another, Some(Fate::RolledBack)),
            // Where nobody sees whether the server restarted, it may still be committing.
            (Status::Open, Run::Perhaps, None),
            (Status::Forgotten, Run::Same, Some(Fate::Unknown)),
            (Status::Forgotten, Run::Another, Some(Fate::Unknown)),
            (Status::Forgotten, Run::Perhaps, Some(Fate::Unknown)),
        ];
        for (status, run, fate) in table {
            assert_eq!(status.fate(run), fate, "{status:?}, {run:?}");
        }
    }

    #[test]
    fn a_run_is_the_same_only_if_the_role_sees_it() {
        let (then, unseen) = (
            Incarnation::new("a", Some("x")),
            Incarnation::new("a", None),
        );
        let table = [
            (&then, Run::Same),
            (&unseen, Run::Perhaps),
            (&Incarnation::new("a", Some("y")), Run::Another),
            (&Incarnation::new("b", None), Run::Another),
            (&Incarnation::nobodys(), Run::Perhaps),
        ];
        for (now, run) in table {
            assert_eq!(Run::of(&then, now), run, "{now:?}");
        }
    }
}
