//! What may be kept in the cache.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::terms::fingerprint::Fingerprint;

mod impls;

/// A value that a `#[cached]` method may answer with.
///
/// Derive it next to `Serialize`, `Deserialize` and `Clone`. A hit clones the value: put large ones
/// into an `Arc` (`Result<Option<Arc<Album>>>`), whose clone is one atomic increment; any other
/// `Clone` costs what your type's `clone` costs, on every hit.
///
/// # Derive
///
/// The fingerprint is made of the type's name, its fields' names, their fingerprints and their
/// `#[serde(..)]` attributes. A field of a type that is not `Cacheable` (another crate's, or a
/// recursive one) declares the version of its shape, which you raise when it changes:
///
/// ```
/// use diesel_manifold::Cacheable;
/// # #[derive(Clone, serde::Serialize, serde::Deserialize)] struct Money;
///
/// #[derive(Clone, serde::Serialize, serde::Deserialize, Cacheable)]
/// struct Invoice {
///     id: i64,
///     #[cacheable(version = 1)]
///     total: Money,
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "a `#[cached]` method cannot answer with `{Self}`: it is not `Cacheable`",
    label = "this cannot be kept in the cache",
    note = "for a type of your own: `#[derive(Clone, Serialize, Deserialize, Cacheable)]`",
    note = "for another crate's type inside it, declare the version of its shape on the field: `#[cacheable(version = 1)]`"
)]
pub trait Cacheable: Serialize + DeserializeOwned + Clone + Send + Sync + 'static {
    /// The shape of the values at rest.
    const FINGERPRINT: Fingerprint;

    /// Whether this answer is worth keeping. `None` is not: what does not exist yet may exist in a
    /// moment, and nobody would invalidate it.
    fn is_worth_keeping(&self) -> bool {
        true
    }
}
