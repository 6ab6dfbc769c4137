//! There is no way to the connection below: the field of a `ReadPipe`.

use diesel_manifold::prelude::*;

fn fault(pipe: ReadPipe<'_>) {
    let _raw = pipe.raw;
}

fn main() {}
