//! There is no way to the connection below: coercion.

use diesel_async::AsyncPgConnection;
use diesel_manifold::prelude::*;

fn fault(conn: &mut ReadConn<'_>) {
    let _raw: &mut AsyncPgConnection = conn;
}

fn main() {}
