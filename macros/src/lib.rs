//! The macros of `diesel-manifold`, which re-exports them; use them from there.
//!
//! A straight pipe, in the order of the modules: `parse` turns tokens into attribute structs of
//! ours, `model::rules` judges them and makes the `model`, in which only legal repositories can be
//! written down, and `expand` writes that as Rust. `diagnose` collects what is wrong, `fallback`
//! is for impl blocks that are not even that, and `derive` has the derives.
//!
//! Generated code says names of `::diesel_manifold::macro_support` and of nothing else.

mod parse;

mod diagnose;

mod model;

mod expand;

mod fallback;

mod derive;

use diagnose::Diagnosis;
use proc_macro::TokenStream;

/// Makes the methods of an impl block calls through a manifold.
///
/// The methods are marked `#[read]`, `#[cached]` or `#[write]`. These markers need no import; this
/// macro takes them off. Everything else in the impl stays as it is.
///
/// ```ignore
/// pub struct Albums { db: Manifold }
///
/// #[repository]
/// impl Albums {
///     /// Albums after `after`, in id order.
///     #[read]
///     pub async fn page(&self, conn: &mut ReadConn<'_>, after: i32) -> Result<Vec<Album>> {
///         Ok(albums::table.filter(albums::id.gt(after)).order(albums::id).limit(50).load(conn).await?)
///     }
///
///     #[cached(ttl = "2m")]
///     pub async fn by_id(&self, conn: &mut ReadConn<'_>, id: i32) -> Result<Option<Arc<Album>>> {
///         let album = albums::table.find(id).first(conn).await.optional()?;
///         Ok(album.map(Arc::new))
///     }
///
///     #[write(invalidates(by_id(id)))]
///     pub async fn rename(&self, conn: &mut WriteConn<'_>, id: i32, title: &str) -> Result<Album> {
///         Ok(diesel::update(albums::table.find(id)).set(albums::title.eq(title)).get_result(conn).await?)
///     }
/// }
///
/// albums.rename(7, "Kind of Blue").await?;
/// let album = albums.by_id(7).await?;
/// ```
///
/// # What a method becomes
///
/// | generated | of | what it is |
/// |---|---|---|
/// | `by_id(&self, id)` | every marked method | the method without `conn`: it picks the node, and uses the cache |
/// | `by_id_on(&self, conn, id)` | every marked method | the body on a connection of yours, for use in another body or in `manifold.transaction(..)` |
/// | `by_id_key(&id)` | `#[cached]` | the key of the answer, for `invalidates(..)` and `conn.invalidate(..)` |
///
/// `rename_on` of a write records its invalidations on the connection, so nothing is lost when writes
/// are composed. All have the visibility of the method.
///
/// # What a method must look like
///
/// An `async fn` whose parameters begin with `&self` and `conn: &mut ReadConn<'_>` (in a `#[write]`
/// `conn: &mut WriteConn<'_>`), named `conn` or `_conn`. It returns a `Result` whose error is
/// `From<diesel_manifold::Error>`: `diesel_manifold::Result<T>`, `diesel::QueryResult<T>`, or one of
/// your own. Generics, lifetimes, patterns and `impl Trait` arguments work.
///
/// The arguments of a read may be needed again, for another node: they are cloned, and one that is
/// not `Clone` is an error that says so. `&mut` arguments are for writes without `retry`.
///
/// # Options
///
/// `#[repository(db = self.store.manifold())]`
///
/// * `db`: the expression of the manifold. Default: the field `self.db`. A `Manifold`, `&Manifold` or
///   `Arc<Manifold>` will do.
///
/// `#[read(attempts = 1, consistency = eventual, max_staleness = "500ms", wait = "25ms", tag = "analytics")]`
///
/// * `attempts`: how many times the body may run in all; a number from 1 to 10. Default: 3. With 1 the
///   arguments need not be `Clone`.
/// * `consistency`: what an answer must include. Default: `session`.
///   * `strong`: everything that was acknowledged before the call. The primary answers.
///   * `session`: everything that the session wrote and saw; without a session, everything that this
///     process wrote through the manifold.
///   * `eventual`: whatever a healthy replica shows.
/// * `max_staleness`: the answer also shows everything that anybody wrote and was acknowledged before the call less this. A
///   duration like `ttl`, more than zero and at most 60 s. Default: no such bound. Not with `strong`,
///   which is stricter.
/// * `wait`: how long the read waits for a replica that is behind, before it asks the primary. A duration
///   like `ttl`, at most 60 s; zero asks the primary at once. Default: `Settings::read.wait`, 25 ms. Not with
///   `strong`, nor with `eventual` that has no `max_staleness`: these have nothing to wait for.
///
/// * `tag`: only nodes with this `Endpoint::tag` answer. Default: only nodes without one. Not with `strong`. If
///   no node has it, in a development environment for example, it counts for nothing, which is said once.
///
/// `#[cached(ttl = "2m", name = "albums.by_id", attempts = 2, scope(tenant: TenantId = self.tenant))]`
///
/// It implies `#[read]`, and has its options but for `consistency = strong`; `#[read(attempts = 2)]` may
/// stand beside it. Arguments must be `CacheKey`,
/// the answer `Cacheable`, and the method without type parameters and `impl Trait`: a key has no place
/// for types.
///
/// * `ttl`: how long an answer may be served. A string of numbers with units, `"500ms"`, `"90s"`, `"2m"`,
///   `"1h30m"`, `"1d"`, or a number of seconds; more than zero and at most 365 days. Default: 60 s.
/// * `name`: the first part of the keys, of ASCII letters, digits and `. _ : - /`, and no other
///   method's. Default: the path of the method with the generic arguments of its type,
///   `shop::Tenant<Live>::by_id`, which changes when it moves. A path does not say in which function a
///   type is: two types of one name inside functions of one module need `name = ".."`.
/// * `scope(name: Type = expression, ..)`: what the receiver adds to the key. They become the leading
///   parameters of the key function; the expressions see `self`.
///
/// `#[write(invalidates(..), isolation = serializable, retry = 3, transaction = off, floor = none)]`
///
/// * `isolation`: `read_committed`, `repeatable_read` or `serializable`. Default: the server's.
/// * `retry`: how often the body runs *again* after a serialization failure; a number from 1 to 10.
///   Default: it does not. Arguments must be `Clone`.
/// * `transaction = off`: the body runs outside of a transaction and each statement commits by
///   itself. Not with `isolation` or `retry`.
///   The connection is closed afterwards, for such a body may have left anything on it.
/// * `floor = none`: later reads need not include this write. For what nobody reads back: an audit
///   trail, a heartbeat.
/// * `invalidates(..)`: the cached answers that become stale. Default: none. Its items:
///   * `by_id(id)`, `Artists::page(after, 10)`: the answer of a `#[cached]` method of this or another
///     repository to a call with these arguments (and its `scope`, first). Arguments are taken by
///     reference and dereferenced as needed.
///   * Any other expression of a `Key`, an `Option<Key>` or an iterator of keys:
///     `ids.iter().map(Self::by_id_key)`. A call that would look like the above stands in braces:
///     `{ stale_keys(id) }`.
///   * `none`, alone: nothing becomes stale.
///
///   Items see `self` and the parameters. Those that mention `ret`, a reference to the value in
///   the method's `Ok`, are evaluated after the body, if it succeeds; parameters in them are
///   cloned. The others are evaluated before the body and recorded however it ends.
///
/// # Attributes
///
/// `cfg` goes on everything that is generated, documentation on the two methods, `must_use` and
/// `deprecated` on the public method, lints on all (an `expect` is an `allow` on what is generated), all
/// else, `#[tracing::instrument(skip(self, conn))]` for example, on `<name>_on`. A marker in a
/// `cfg_attr` is an error.
///
/// # Mistakes
///
/// They are all reported at once, at the tokens that should change. The impl is expanded all the same,
/// with the faulty methods as they are written.
#[proc_macro_attribute]
pub fn repository(options: TokenStream, item: TokenStream) -> TokenStream {
    let options = parse::Options::parse(options.into());
    let mut diagnosis = Diagnosis::default();
    let tokens = match syn::parse::<parse::ImplBlock>(item.clone()) {
        Ok(block) => expand::repository(&model::rules::repository(options, block, &mut diagnosis)),
        Err(mistake) => {
            diagnosis.note(mistake);
            fallback::without_markers(item.into())
        }
    };
    diagnosis.behind(tokens).into()
}

/// Makes a type an argument of `#[cached]` methods.
///
/// The value is written as a Rust literal: `Filter{year:1959i32,live:true}`, `Point(1i32,2i32)`,
/// `Kind::Live`. Every field must be `CacheKey`, and so must every type parameter; no field can be
/// left out, since two values that differ in it would share an answer. Unions have no key.
#[proc_macro_derive(CacheKey)]
pub fn cache_key(item: TokenStream) -> TokenStream {
    derive(item, derive::cache_key::expand)
}

/// Makes a type an answer of `#[cached]` methods.
///
/// Derive it next to `Clone`, `Serialize` and `Deserialize`. It computes, at compile time, a
/// fingerprint of the type's shape: its name, the names and order of its variants and fields, the
/// fingerprints of the fields' types and of the type parameters, and everything that `#[serde(..)]`
/// says. Answers are kept under
/// it, so a program never reads what another version of the type has written. Every type parameter
/// must be `Cacheable`.
///
/// # Options
///
/// * `#[cacheable(version = 1)]` on a field: stands for the fingerprint of its type, if that has
///   none (another crate's type) or would contain itself (a recursive one). Raise it when the shape of
///   that type changes.
/// * `#[cacheable(version = 1)]` on the type: raise it when the meaning of the values changes and the
///   shape does not.
///
/// A version is a whole number. A field with `#[serde(skip)]` is not kept, and needs neither.
/// `#[serde(flatten)]`, `untagged`, `tag` and `skip_serializing_if` are errors: they need a format with
/// field names, and cached values have none. Unions cannot be kept.
#[proc_macro_derive(Cacheable, attributes(cacheable))]
pub fn cacheable(item: TokenStream) -> TokenStream {
    derive(item, derive::cacheable::expand)
}

/// Makes a repository one that `with(..)` can copy around another handle of its manifold.
///
/// ```ignore
/// #[derive(Repository)]
/// pub struct Albums {
///     db: Manifold,
///     tenant: i64,
/// }
///
/// let album = albums.with(Consistency::Strong).by_id(7).await?;
/// ```
///
/// A struct of any form, generic or not. The field whose type is `Manifold`, as it is written there, gets
/// the other handle; the others are cloned.
///
/// # Options
///
/// * `#[repository(db)]` on a field: this one holds the manifold. Needed if its type has another name, an
///   `Arc<Manifold>` for example or another repository, or if there are several.
#[proc_macro_derive(Repository, attributes(repository))]
pub fn derive_repository(item: TokenStream) -> TokenStream {
    derive(item, derive::repository::expand)
}

fn derive(
    item: TokenStream,
    expand: fn(&syn::DeriveInput, &mut Diagnosis) -> proc_macro2::TokenStream,
) -> TokenStream {
    let input = syn::parse_macro_input!(item as syn::DeriveInput);
    let mut diagnosis = Diagnosis::default();
    let tokens = expand(&input, &mut diagnosis);
    diagnosis.behind(tokens).into()
}
