//! A user cannot call diesel's raw SQL read-only for everybody.

use diesel::query_builder::SqlQuery;
use diesel_manifold::{ReadOnlyQuery, kind};

impl ReadOnlyQuery<kind::Asserted> for SqlQuery {}

fn main() {}
