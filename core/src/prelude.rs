//! The one import of a module with repositories:
//!
//! ```
//! use diesel_manifold::prelude::*;
//! ```
//!
//! It replaces `diesel::prelude::*` and `diesel_async::RunQueryDsl`: it holds diesel's prelude with
//! this library's [`RunQueryDsl`] in the place of diesel's. See
//! [`docs::imports`](crate::docs::imports) for what the errors of a wrong import look like.

pub use crate::query::conn::{ReadConn, ReadPipe, WriteConn};
// An explicit re-export wins over the glob below, which hides diesel's synchronous trait.
pub use crate::query::dsl::RunQueryDsl;
pub use crate::query::raw_sql::AssertReadOnlyExt as _;
pub use crate::terms::error::Result;
pub use crate::{Manifold, Repository, repository};
pub use diesel::prelude::*;
pub use diesel_async::{AsyncConnection, SimpleAsyncConnection as _};
