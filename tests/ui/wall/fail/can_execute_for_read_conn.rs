//! `CanExecute` cannot be added to a `ReadConn`.

use diesel_manifold::{CanExecute, ReadConn};

impl CanExecute for ReadConn<'_> {}

fn main() {}
