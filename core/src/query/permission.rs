//! The permission check: may this query run on this connection? Decided at compile time.
//!
//! `SelectQuery` alone does not tell: it holds for a `SELECT .. FOR UPDATE` too. diesel implements
//! `DistinctDsl` for unlocked selects only, and `PositionalOrderDsl` for combinations (`UNION` and
//! its kin) only, so each of the two together with `SelectQuery` is a plain `SELECT`. Both are
//! observations about diesel 2.3 and no contract, which is why diesel is pinned to `~2.3` and the
//! compile-fail tests hold them.

use diesel::query_builder::{AsQuery, Query, SelectQuery};
use diesel::query_dsl::methods::DistinctDsl;
use diesel::query_dsl::positional_order_dsl::PositionalOrderDsl;
use diesel_async::AsyncConnectionCore;

use crate::query::conn::{ReadConn, ReadPipe};

/// Why a query may run. The kinds keep blanket implementations apart that would overlap otherwise;
/// they are inferred and never written, except in a helper that is generic over the query.
///
/// They are sealed: with a kind of one's own one could bless diesel's own statements.
pub mod kind {
    use std::marker::PhantomData;

    mod sealed {
        pub trait Sealed {}
    }

    /// A kind. It can be named, for generic helpers, and not implemented.
    pub trait Kind: sealed::Sealed {}

    macro_rules! kinds {
        ($($(#[$doc:meta])* $name:ident $(<$inner:ident>)?;)*) => {$(
            $(#[$doc])*
            #[derive(Debug)]
            pub struct $name$(<$inner>)?($(PhantomData<$inner>)?);
            impl$(<$inner: Kind>)? sealed::Sealed for $name$(<$inner>)? {}
            impl$(<$inner: Kind>)? Kind for $name$(<$inner>)? {}
        )*};
    }

    kinds! {
        /// A plain `SELECT`.
        Select;
        /// `UNION`, `INTERSECT`, `EXCEPT`.
        Combination;
        /// Its author says that it only reads.
        Asserted;
        /// Any statement, on a connection that may write.
        Unrestricted;
        /// A query node of the user's around a query of kind `K`.
        Wrapped<K>;
        /// A reference to a query of kind `K`.
        Ref<K>;
        /// A query of kind `K` on a read-only connection.
        Read<K>;
    }
}

use kind::Kind;

/// Holds if `Self` may run on `Conn`. `K` is inferred.
#[diagnostic::on_unimplemented(
    message = "this query may change data or lock rows, so it cannot run on `{Conn}`",
    label = "read-only connection, but the query is not a plain `SELECT`",
    note = "a `ReadConn` runs plain SELECT queries only: no INSERT, UPDATE, DELETE, `FOR UPDATE`/`FOR SHARE`, or raw SQL",
    note = "mark the method `#[write]` and take `conn: &mut WriteConn<'_>`",
    note = "for raw SQL that only reads, call `.assert_read_only()` on it; for a query node of your own, implement `ReadOnlyQuery`",
    note = "if diesel reports another error about the same query, mend that one first: this one follows from it"
)]
pub trait RunsOn<Conn, K: Kind> {}

#[diagnostic::do_not_recommend]
impl<T, C: AsyncConnectionCore> RunsOn<C, kind::Unrestricted> for T {}

#[diagnostic::do_not_recommend]
impl<T, K: Kind> RunsOn<ReadConn<'_>, kind::Read<K>> for T
where
    T: AsQuery,
    T::Query: ReadOnlyQuery<K>,
{
}

#[diagnostic::do_not_recommend]
impl<T, K: Kind> RunsOn<ReadPipe<'_>, kind::Read<K>> for T
where
    T: AsQuery,
    T::Query: ReadOnlyQuery<K>,
{
}

/// A query that only reads. It holds for diesel's `SELECT`s.
///
/// Implement it for a query node of your own that wraps another query:
///
/// ```
/// use diesel_manifold::{ReadOnlyQuery, kind};
/// # use diesel::query_builder::Query;
/// # struct Paginated<T>(T);
/// # impl<T: Query> Query for Paginated<T> { type SqlType = T::SqlType; }
///
/// impl<T: ReadOnlyQuery<K>, K: kind::Kind> ReadOnlyQuery<kind::Wrapped<K>> for Paginated<T> {}
/// ```
pub trait ReadOnlyQuery<K: Kind>: Query {}

#[diagnostic::do_not_recommend]
impl<T> ReadOnlyQuery<kind::Select> for T where T: Query + SelectQuery + DistinctDsl {}

#[diagnostic::do_not_recommend]
impl<T> ReadOnlyQuery<kind::Combination> for T where T: Query + SelectQuery + PositionalOrderDsl<u32>
{}

impl<T: ReadOnlyQuery<K>, K: Kind> ReadOnlyQuery<kind::Ref<K>> for &T {}
