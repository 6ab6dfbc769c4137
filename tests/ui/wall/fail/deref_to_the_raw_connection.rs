//! There is no way to the connection below: `Deref`.

use diesel_manifold::prelude::*;

fn fault(conn: &mut ReadConn<'_>) {
    let _raw = &mut **conn;
}

fn main() {}
