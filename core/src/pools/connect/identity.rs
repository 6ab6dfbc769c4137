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
