//! There is no way to the connection below: `AsMut`.

use diesel_async::AsyncPgConnection;
use diesel_manifold::prelude::*;

fn fault(conn: &mut ReadConn<'_>) {
    let _raw: &mut AsyncPgConnection = conn.as_mut();
}

fn main() {}
