//! Floor 2, the room that knows what may run where: the type wall.
//!
//! A [`ReadConn`](conn::ReadConn) is not a diesel connection. It runs a query only if
//! [`RunsOn`](permission::RunsOn) says so, and that is decided by the query's type.

pub mod conn;
pub mod dsl;
pub mod futures;
pub mod permission;
pub mod raw_sql;
