//! What was found out. An error is why it could not be, in one line.

use crate::lag::question::{Answer, Lsn};

use super::address::Address;

/// All of it.
#[derive(Debug)]
pub struct Facts {
    pub primary: Primary,
    pub replicas: Vec<Replica>,
    pub redis: Redis,
    /// `None` if the primary is not fit for it.
    pub library: Option<Result<Library, String>>,
}

#[derive(Debug)]
pub struct Primary {
    pub address: Address,
    pub node: Result<Node, String>,
    /// Its slots for replicas, asked after these.
    pub slots: Vec<Slot>,
    /// What it had a moment ago, at the end of a record. `None`: it is in the middle of one.
    pub moment: Option<Lsn>,
    /// What was on its disk when it was asked again, after the replicas.
    pub afterwards: Option<Lsn>,
}

#[derive(Debug)]
pub struct Replica {
    /// As the library calls it.
    pub name: String,
    pub address: Address,
    /// As it was when it had replayed the primary's moment, or when we stopped waiting for that.
    pub node: Result<Node, String>,
}

/// A node that answers.
#[derive(Debug, Clone)]
pub struct Node {
    pub answer: Answer,
    /// When the server started, in microseconds since 1970: no two servers share it.
    pub started: i64,
    pub database: String,
    /// The slot that it uses, if it is a replica, and was told one.
    pub slot: Option<String>,
    /// Whether it was told where its primary is. `None`: we may not see it.
    pub has_upstream: Option<bool>,
    /// Of the tables that the example needs.
    pub missing_tables: Vec<String>,
    /// Those of them that we may not read, and with them the versions.
    pub unreadable_tables: Vec<String>,
    /// Of the migrations that it has.
    pub versions: Vec<String>,
}

#[derive(Debug)]
pub struct Slot {
    pub name: String,
    pub active: bool,
    /// The primary has thrown away what the replica would need next.
    pub is_lost: bool,
}

#[derive(Debug)]
pub enum Redis {
    NotConfigured,
    Answers(Address),
    Fails(Address, String),
}

/// What was seen through the library.
#[derive(Debug)]
pub struct Library {
    /// Of those replicas that were fit to be asked.
    pub reads: Vec<Reads>,
    pub cache: Result<Vec<Cached>, String>,
}

/// The reads of all that one replica answered.
#[derive(Debug)]
pub struct Reads {
    pub replica: String,
    pub answered: usize,
    /// All reads that were made.
    pub of: usize,
    /// What it answered otherwise.
    pub error: Option<String>,
}

/// A cached read in one instance, and the same in a second one: who answered.
#[derive(Debug)]
pub struct Cached {
    pub album: i32,
    pub first: String,
    pub second: String,
}
