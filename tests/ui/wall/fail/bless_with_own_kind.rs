//! Kinds are sealed: with one of his own a user could bless diesel's statements.

use diesel::query_builder::SqlQuery;
use diesel_manifold::ReadOnlyQuery;

struct Mine;

impl ReadOnlyQuery<Mine> for SqlQuery {}

fn main() {}
