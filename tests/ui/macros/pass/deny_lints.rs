//! Generated code is clean under the lints of a strict user, and needs no `allow` of theirs.
#![deny(
    missing_docs,
    unused,
    unreachable_pub,
    elided_lifetimes_in_paths,
    single_use_lifetimes,
    unused_lifetimes,
    unused_qualifications,
    explicit_outlives_requirements,
    missing_debug_implementations,
    missing_copy_implementations,
    non_ascii_idents,
    let_underscore_drop,
    redundant_lifetimes,
    redundant_imports,
    trivial_casts,
    trivial_numeric_casts,
    unit_bindings,
    unused_import_braces,
    unused_results,
    variant_size_differences,
    future_incompatible,
    rust_2018_idioms,
    rust_2021_compatibility,
    nonstandard_style,
    let_underscore,
    clippy::all,
    clippy::pedantic,
    clippy::nursery
)]
#![forbid(unsafe_code, private_interfaces, private_bounds)]

pub mod shop {
    //! A repository with everything.

    use std::future::ready;

    use diesel_manifold::prelude::*;
    use diesel_manifold::{CacheKey, Cacheable};

    /// A row.
    #[derive(
        Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize, Cacheable, CacheKey,
    )]
    pub struct Album<T: Clone> {
        /// Its number.
        pub id: T,
        title: String,
    }

    /// A repository.
    #[derive(Debug, Repository)]
    pub struct Albums {
        db: Manifold,
        tenant: i32,
    }

    #[derive(Debug, Clone)]
    struct Private<T>(T);

    /// A repository that is generic over what it holds.
    #[derive(Debug, Repository)]
    pub struct Songs<T> {
        #[repository(db)]
        db: Manifold,
        inner: Private<T>,
        copied: u8,
    }

    impl<T> Songs<T> {
        /// A repository around this.
        #[must_use]
        pub const fn new(db: Manifold, inner: T) -> Self {
            Self {
                db,
                inner: Private(inner),
                copied: 1,
            }
        }

        /// What it is around.
        #[must_use]
        pub const fn inner(&self) -> &T {
            let _ = (&self.db, self.copied);
            &self.inner.0
        }
    }

    #[repository]
    impl Albums {
        /// A repository of this tenant.
        #[must_use]
        pub const fn new(db: Manifold, tenant: i32) -> Self {
            Self { db, tenant }
        }

        /// The albums with these names.
        ///
        /// # Errors
        ///
        /// As the database has it.
        #[read]
        pub async fn named<'n>(
            &self,
            conn: &mut ReadConn<'_>,
            names: &[&'n str],
            (from, to): (i32, i32),
        ) -> Result<Vec<&'n str>> {
            ready(()).await;
            let _ = conn.pipeline();
            Ok(names.iter().copied().skip(usize::from(from < to)).collect())
        }

        /// One album.
        ///
        /// # Errors
        ///
        /// As the database has it.
        #[cached(scope(tenant: i32 = self.tenant))]
        pub async fn by_id(&self, _conn: &mut ReadConn<'_>, id: i32, like: &str) -> Result<String> {
            ready(()).await;
            Ok(format!("{id}{like}"))
        }

        #[cached]
        pub(crate) async fn hidden<'w>(
            &self,
            _conn: &mut ReadConn<'_>,
            word: &'w str,
            words: &[&'w str],
        ) -> Result<i32> {
            ready(()).await;
            Ok(i32::from(words.contains(&word)))
        }

        #[read]
        async fn private(&self, _conn: &mut ReadConn<'_>) -> Result<i32> {
            ready(()).await;
            Ok(1)
        }

        /// Renames an album.
        ///
        /// # Errors
        ///
        /// As the database has it.
        #[allow(clippy::too_many_arguments)]
        #[write(
            invalidates(by_id(self.tenant, id, &title), hidden("x", &[from]), ret.map(|n| Self::by_id_key(&n, &id, &title))),
            retry = 2
        )]
        pub async fn rename<T: Into<i64> + Clone + Send>(
            &self,
            conn: &mut WriteConn<'_>,
            mut id: i32,
            title: String,
            (from, _to): (&str, i32),
            made: T,
        ) -> Result<Option<i32>> {
            id += self.private_on(&mut conn.as_read()).await?;
            drop((title, from));
            Ok(made.into().try_into().ok().map(|n: i32| n + id))
        }

        /// Does a lot.
        ///
        /// # Errors
        ///
        /// As the database has it.
        #[expect(clippy::too_many_arguments, reason = "there are as many columns")]
        #[write]
        pub async fn wide(
            &self,
            _conn: &mut WriteConn<'_>,
            column_a: i32,
            column_b: i32,
            column_c: i32,
            column_d: i32,
            column_e: i32,
            column_f: i32,
            column_g: i32,
            _last: i32,
        ) -> Result<i32> {
            let _ = self.private().await?;
            Ok(column_a + column_b + column_c + column_d + column_e + column_f + column_g)
        }
    }
}

fn main() {}
