//! The only names that generated code may say. Hidden: they change with the macros.

pub use crate::calls::body::{CachedBody, ReadBody, Repeatable, WriteBody};
pub use crate::manifold::repository::{Change, Holder, Kept, Repository};
pub use crate::query::conn::{ReadConn, WriteConn};
pub use crate::terms::cacheable::Cacheable;
pub use crate::terms::call::{CachedCall, Isolation, Name, ReadCall, WriteCall};
pub use crate::terms::fingerprint::Fingerprint;
pub use crate::terms::key::{CacheKey, IntoKeys, Key, KeyWriter};
pub use crate::terms::outcome::Outcome;
pub use crate::terms::policy::{Consistency, Policy};
pub use std::time::Duration;
// A user's module may have names of its own in the place of the prelude's.
pub use std::marker::PhantomData;
pub use std::{clone::Clone, concat, marker::Sized, module_path, option::Option};

use crate::manifold::Manifold;

/// Runs a `#[read]`.
pub async fn read<B: ReadBody>(db: &Manifold, call: &'static ReadCall, body: B) -> B::Output {
    db.calls().read(db.caller(), call, body).await
}

/// Runs a `#[cached]` read.
pub async fn cached<B: CachedBody>(
    db: &Manifold,
    call: &'static CachedCall,
    key: Key,
    body: B,
) -> B::Output {
    db.calls().cached(db.caller(), call, key, body).await
}

/// Runs a `#[write]`.
pub async fn write<B: WriteBody>(db: &Manifold, call: &'static WriteCall, body: B) -> B::Output {
    db.calls().write(db.caller(), call, body).await
}
