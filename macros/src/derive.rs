//! The derives: for arguments that become part of a key, for answers that are kept, and for
//! repositories.

pub mod cache_key;
pub mod cacheable;
mod cacheable_attrs;
pub mod repository;
mod serde_attrs;

use proc_macro2::TokenStream;
use syn::{Generics, TypeParamBound, parse_quote};

/// The generics with `bound` on each type parameter.
fn bounded(generics: &Generics, bound: &TokenStream) -> Generics {
    let mut generics = generics.clone();
    let bound: TypeParamBound = parse_quote!(#bound);
    for param in generics.type_params_mut() {
        param.bounds.push(bound.clone());
    }
    generics
}
