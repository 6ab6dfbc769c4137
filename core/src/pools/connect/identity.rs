//! Whom a connection reaches, whatever its URL says.

/// Which database a connection reaches, whatever its URL says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// `system_identifier` of the cluster: a primary and its standbys have the same.
    pub system: i64,
    /// The database.
    pub database: String,
    /// The schemas that its `search_path` finds tables in: the same query means other tables in
    /// others.
    pub schemas: String,
}

/// From one start of the server, or its recovery from a crash, to the next. `None`: the role may not
/// see it (it needs `pg_monitor`).
///
/// It is when the checkpointer was started: a crash of one backend restarts that, too, while
/// `pg_postmaster_start_time()` stays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Incarnation(Option<String>);

impl Incarnation {
    /// What the server tells of it, if it does.
    pub fn new(started: Option<String>) -> Self {
        Self(started)
    }

    /// Whether both are known, and one.
    pub fn is(&self, other: &Self) -> bool {
        self.0.is_some() && self == other
    }
}
