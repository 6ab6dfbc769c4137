//! A repository around another handle of its manifold.

use std::sync::Arc;

use crate::manifold::Manifold;
use crate::session::Session;
use crate::terms::policy::Policy;

/// How a handle becomes another one of the same manifold.
pub type Change<'c> = dyn Fn(&Manifold) -> Manifold + 'c;

/// A repository that can say for some calls what its methods do not say for all.
///
/// ```
/// use diesel_manifold::{Consistency, Policy, prelude::*};
/// use std::time::Duration;
///
/// diesel::table! { albums (id) { id -> Integer, title -> Text, } }
///
/// #[derive(Repository)]
/// pub struct Albums { db: Manifold }
///
/// #[repository]
/// impl Albums {
///     #[read]
///     pub async fn count(&self, conn: &mut ReadConn<'_>) -> Result<i64> {
///         Ok(albums::table.count().get_result(conn).await?)
///     }
/// }
///
/// # async fn example(albums: &Albums) -> Result<()> {
/// let now = albums.with(Consistency::Strong).count().await?; // the primary
///
/// let lately = Policy::from(Consistency::Eventual).max_staleness(Duration::from_secs(2));
/// let albums = albums.with(lately);
/// let about = albums.count().await?;
/// # Ok(()) }
/// ```
///
/// The derive needs to know the field that holds the manifold: the one whose type is `Manifold`, or the
/// one marked `#[repository(db)]`, which may be an `Arc<Manifold>` or another repository, too. The other
/// fields are cloned, so what they count or collect should stand in an `Arc`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no `Repository`",
    note = "`#[derive(Repository)]` on the struct that holds the manifold"
)]
pub trait Repository: Sized {
    /// The same repository around the handle that `change` makes of its own.
    #[doc(hidden)]
    #[must_use]
    fn __with_manifold(&self, change: &Change<'_>) -> Self;

    /// The same repository, whose reads have `policy` in the place of their methods' own: a
    /// [`Consistency`](crate::Consistency) or a whole [`Policy`].
    #[must_use]
    fn with(&self, policy: impl Into<Policy>) -> Self {
        let policy = policy.into();
        self.__with_manifold(&|db| db.with(policy))
    }

    /// The same repository, whose calls read and write with `session`.
    #[must_use]
    fn with_session(&self, session: &Session) -> Self {
        self.__with_manifold(&|db| db.with_session(session))
    }
}

/// What a repository may hold its manifold in.
#[diagnostic::on_unimplemented(
    message = "a repository cannot be made around another handle: `{Self}` does not own its manifold",
    label = "this field cannot hold another handle",
    note = "hold a `Manifold`, which is cheap to clone, an `Arc<Manifold>`, or something that is `Repository` itself"
)]
pub trait Holder: Sized {
    /// The same, with the handle that `change` makes of the one in it.
    #[must_use]
    fn holding(&self, change: &Change<'_>) -> Self;
}

impl Holder for Manifold {
    fn holding(&self, change: &Change<'_>) -> Self {
        change(self)
    }
}

impl Holder for Arc<Manifold> {
    fn holding(&self, change: &Change<'_>) -> Self {
        Self::new(change(self))
    }
}

impl Holder for Box<Manifold> {
    fn holding(&self, change: &Change<'_>) -> Self {
        Self::new(change(self))
    }
}

#[diagnostic::do_not_recommend]
impl<R: Repository> Holder for R {
    fn holding(&self, change: &Change<'_>) -> Self {
        self.__with_manifold(change)
    }
}

/// What a repository holds besides.
#[diagnostic::on_unimplemented(
    message = "a repository around another handle is a copy, but its field's type `{Self}` is not `Clone`",
    label = "this field cannot be copied",
    note = "derive `Clone` for the type, or hold it in an `Arc`, which all copies share"
)]
pub trait Kept: Sized {
    /// The field once more.
    #[must_use]
    fn kept(&self) -> Self;
}

#[diagnostic::do_not_recommend]
impl<T: Clone> Kept for T {
    fn kept(&self) -> Self {
        self.clone()
    }
}
