//! A kind around an own kind is no kind either.

use diesel::query_builder::SqlQuery;
use diesel_manifold::{ReadOnlyQuery, kind};

struct Mine;

impl ReadOnlyQuery<kind::Wrapped<Mine>> for SqlQuery {}

fn main() {}
