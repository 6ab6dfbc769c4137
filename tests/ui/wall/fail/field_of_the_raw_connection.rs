//! There is no way to the connection below: the field.

use diesel_manifold::prelude::*;

fn fault(conn: &mut ReadConn<'_>) {
    let _raw = &mut conn.wire;
}

fn main() {}
