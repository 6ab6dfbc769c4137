//! Code that is generic over diesel-async's connections may write: a `ReadConn` is none.

use diesel_manifold::prelude::*;

fn anything<C: AsyncConnection<Backend = diesel::pg::Pg>>(_conn: &mut C) {}

fn fault(conn: &mut ReadConn<'_>) {
    anything(conn);
}

fn main() {}
