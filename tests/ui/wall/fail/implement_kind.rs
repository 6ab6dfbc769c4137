//! Kinds are sealed.

use diesel_manifold::kind;

struct Mine;

impl kind::Kind for Mine {}

fn main() {}
