//! There is no way to the connection below: the method that the verbs use.

use diesel_manifold::QueryConn;
use diesel_manifold::prelude::*;

fn fault(conn: &mut ReadConn<'_>) {
    let _raw = QueryConn::__raw(conn, diesel_manifold::query::conn::private::Token);
}

fn main() {}
