//! What a node is asked: its role, and where in the log it is.

use std::fmt;

use diesel::pg::data_types::PgLsn;
use diesel::pg::sql_types;
use diesel::sql_types::{BigInt, Bool, Integer, Nullable, Text};
use diesel::{QueryableByName, sql_query};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use crate::servers::connection;

/// One row from a node of either role.
///
/// The functions of the other role fail, so they stand in a CASE. A role without `pg_monitor` sees
/// that there is a walreceiver, and NULL for all that it does.
const QUESTION: &str = "\
    SELECT current_user::text AS who, \
        (SELECT system_identifier FROM pg_control_system()) AS system, \
        CASE WHEN NOT pg_is_in_recovery() THEN pg_current_wal_insert_lsn() END AS inserted, \
        CASE WHEN NOT pg_is_in_recovery() THEN pg_current_wal_flush_lsn() END AS flushed, \
        CASE WHEN NOT pg_is_in_recovery() \
            THEN substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8) END AS history, \
        pg_last_wal_receive_lsn() AS received, pg_last_wal_replay_lsn() AS replayed, \
        CASE WHEN pg_is_in_recovery() THEN pg_is_wal_replay_paused() END AS paused, \
        EXISTS (SELECT FROM pg_stat_wal_receiver) AS receiving, \
        (SELECT status FROM pg_stat_wal_receiver) AS status, \
        (SELECT received_tli FROM pg_stat_wal_receiver) AS receiving_on, \
        (SELECT timeline_id FROM pg_control_checkpoint()) AS checkpoint_on, \
        current_setting('wal_block_size')::bigint AS page, \
        pg_size_bytes(current_setting('wal_segment_size')) AS segment";

/// A byte position in the log of some timeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Lsn(pub u64);

/// As PostgreSQL prints it: `0/3024088`.
impl fmt::Display for Lsn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:X}/{:X}", self.0 >> 32, self.0 & 0xFFFF_FFFF)
    }
}

/// What a node answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// As whom it was asked.
    pub who: String,
    /// `system_identifier`: a primary and its replicas have the same.
    pub system: i64,
    pub role: Role,
}

/// What it is, observed and not configured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Role {
    Primary(Written),
    Replica(Replay),
}

/// Where a primary is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Written {
    pub timeline: u32,
    /// Behind the last record, on disk or not.
    pub inserted: Lsn,
    /// What is on its disk. Nothing beyond it can be at a replica.
    pub flushed: Lsn,
    /// Bytes of a page of the log.
    pub page: u64,
}

impl Written {
    /// The last known end of a record that a replica can have replayed, and that includes every
    /// commit on disk. `None` while that is open.
    ///
    /// A long transaction fills pages, and the server writes full pages to disk. Then `flushed` is
    /// the end of a page and mostly the middle of a record, which no replica can replay before the
    /// rest has come. That may take as long as the client thinks, up to 15 s.
    pub fn replayable(&self) -> Option<Lsn> {
        if self.inserted <= self.flushed {
            Some(self.inserted)
        } else if self.flushed.0.is_multiple_of(self.page) {
            None
        } else {
            Some(self.flushed)
        }
    }
}

/// Where a replica is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replay {
    /// The timeline that it receives, else that of its last restart point.
    pub timeline: u32,
    /// What it has; replayed or not.
    pub received: Option<Lsn>,
    pub replayed: Option<Lsn>,
    pub paused: bool,
    pub receiver: Receiver,
}

impl Replay {
    /// The timeline that it receives. `None` where no walreceiver says so: then `timeline` may be
    /// long past, as it stays until the next restart point.
    pub fn received_on(&self) -> Option<u32> {
        match self.receiver {
            Receiver::Streaming | Receiver::Other(_) => Some(self.timeline),
            Receiver::None | Receiver::Unseen => None,
        }
    }
}

/// A replica's walreceiver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Receiver {
    Streaming,
    /// It runs and does something else: `starting`, `waiting`, ..
    Other(String),
    None,
    /// It runs, and we may not see what it does.
    Unseen,
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = Text)]
    who: String,
    #[diesel(sql_type = BigInt)]
    system: i64,
    #[diesel(sql_type = Nullable<sql_types::PgLsn>)]
    inserted: Option<PgLsn>,
    #[diesel(sql_type = Nullable<sql_types::PgLsn>)]
    flushed: Option<PgLsn>,
    #[diesel(sql_type = Nullable<Text>)]
    history: Option<String>,
    #[diesel(sql_type = Nullable<sql_types::PgLsn>)]
    received: Option<PgLsn>,
    #[diesel(sql_type = Nullable<sql_types::PgLsn>)]
    replayed: Option<PgLsn>,
    #[diesel(sql_type = Nullable<Bool>)]
    paused: Option<bool>,
    #[diesel(sql_type = Bool)]
    receiving: bool,
    #[diesel(sql_type = Nullable<Text>)]
    status: Option<String>,
    #[diesel(sql_type = Nullable<Integer>)]
    receiving_on: Option<i32>,
    #[diesel(sql_type = Integer)]
    checkpoint_on: i32,
    #[diesel(sql_type = BigInt)]
    page: i64,
    #[diesel(sql_type = BigInt)]
    segment: i64,
}

impl Row {
    fn answer(self) -> Answer {
        let written = self.written();
        let lsn = |lsn: Option<PgLsn>| lsn.map(|PgLsn(lsn)| Lsn(lsn));
        let role = written.map_or_else(
            || {
                let timeline = self.receiving_on.unwrap_or(self.checkpoint_on);
                Role::Replica(Replay {
                    timeline: timeline.cast_unsigned(),
                    // The server counts what came since its start by the walreceiver alone.
                    received: lsn(self.received).max(lsn(self.replayed)),
                    replayed: lsn(self.replayed),
                    paused: self.paused == Some(true),
                    receiver: match (self.receiving, self.status.as_deref()) {
                        (false, _) => Receiver::None,
                        (true, None) => Receiver::Unseen,
                        (true, Some("streaming")) => Receiver::Streaming,
                        (true, Some(other)) => Receiver::Other(other.to_owned()),
                    },
                })
            },
            Role::Primary,
        );
        Answer {
            who: self.who,
            system: self.system,
            role,
        }
    }

    fn written(&self) -> Option<Written> {
        let (Some(PgLsn(inserted)), Some(PgLsn(flushed)), Some(history)) =
            (self.inserted, self.flushed, &self.history)
        else {
            return None;
        };
        let (page, segment) = (self.page.cast_unsigned(), self.segment.cast_unsigned());
        Some(Written {
            timeline: u32::from_str_radix(history, 16).unwrap_or_default(),
            inserted: end_of_record(inserted, page, segment),
            flushed: Lsn(flushed),
            page,
        })
    }
}

/// `inserted` is where the next record will begin: at the start of a page or a segment that is
/// behind its header. The last record ended before it, and that is as far as a replica gets.
fn end_of_record(inserted: u64, page: u64, segment: u64) -> Lsn {
    const PAGE_HEADER: u64 = 24;
    const SEGMENT_HEADER: u64 = 40;
    if inserted % segment == SEGMENT_HEADER {
        Lsn(inserted - SEGMENT_HEADER)
    } else if inserted % page == PAGE_HEADER {
        Lsn(inserted - PAGE_HEADER)
    } else {
        Lsn(inserted)
    }
}

/// A node, and a connection to it as long as that works.
pub struct Link {
    url: String,
    conn: Option<AsyncPgConnection>,
}

impl Link {
    pub fn new(url: &str) -> Self {
        Self {
            url: url.to_owned(),
            conn: None,
        }
    }

    /// Asks the node; the error says in one line why there is no answer.
    pub async fn ask(&mut self) -> Result<Answer, String> {
        let row = match self.connected().await {
            Ok(conn) => {
                let row = sql_query(QUESTION).get_result::<Row>(conn).await;
                row.map_err(|error| one_line(&error.to_string()))
            }
            Err(error) => Err(error),
        };
        if row.is_err() {
            self.cut();
        }
        Ok(row?.answer())
    }

    /// The connection, opened if there is none.
    pub async fn connected(&mut self) -> Result<&mut AsyncPgConnection, String> {
        let conn = match self.conn.take() {
            Some(conn) => conn,
            None => {
                let conn = connection(&self.url).await;
                conn.map_err(|error| one_line(&error.to_string()))?
            }
        };
        Ok(self.conn.insert(conn))
    }

    /// Drops the connection: the next question opens another.
    pub fn cut(&mut self) {
        self.conn = None;
    }
}

/// Errors of the server may have several; a line of a table has one.
pub fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: u64 = 8192;
    const SEGMENT: u64 = 1 << 20;

    #[test]
    fn a_position_is_printed_as_the_server_does() {
        assert_eq!(Lsn(0x0302_4088).to_string(), "0/3024088");
        assert_eq!(Lsn(0x1A_0000_000F).to_string(), "1A/F");
        assert_eq!(Lsn(u64::MAX).to_string(), "FFFFFFFF/FFFFFFFF");
    }

    #[test]
    fn behind_a_header_the_last_record_ended_before_it() {
        let cases = [
            (5 * SEGMENT + 40, 5 * SEGMENT),
            (5 * SEGMENT + 24, 5 * SEGMENT),
            (5 * SEGMENT + PAGE + 24, 5 * SEGMENT + PAGE),
            (5 * SEGMENT + PAGE + 40, 5 * SEGMENT + PAGE + 40),
            (5 * SEGMENT + PAGE + 32, 5 * SEGMENT + PAGE + 32),
            (5 * SEGMENT + PAGE, 5 * SEGMENT + PAGE),
            (5 * SEGMENT - 8, 5 * SEGMENT - 8),
        ];
        for (inserted, end) in cases {
            assert_eq!(
                end_of_record(inserted, PAGE, SEGMENT),
                Lsn(end),
                "{inserted}"
            );
        }
    }

    #[test]
    fn what_a_replica_can_replay_ends_with_a_record_on_disk() {
        let cases = [
            // Idle, at the end of a page, too.
            (0x1_0100, 0x1_0100, Some(0x1_0100)),
            (PAGE, PAGE, Some(PAGE)),
            // Somebody has committed, others have gone on.
            (0x1_0200, 0x1_0100, Some(0x1_0100)),
            // Full pages were written in the middle of a transaction.
            (0x1_2200, 0x1_2000, None),
        ];
        for (inserted, flushed, replayable) in cases {
            let written = Written {
                timeline: 1,
                inserted: Lsn(inserted),
                flushed: Lsn(flushed),
                page: PAGE,
            };
            assert_eq!(written.replayable(), replayable.map(Lsn), "{written:?}");
        }
    }
}
