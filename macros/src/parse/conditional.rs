//! What a `cfg_attr` holds.

use proc_macro2::{TokenStream, TokenTree};
use syn::punctuated::Punctuated;
use syn::{Attribute, Meta, Path, Token};

use super::Kind;

/// The condition and the attributes of a `cfg_attr`; `None` for any other attribute.
pub fn conditional(attr: &Attribute) -> Option<(Meta, Vec<Meta>)> {
    if !attr.path().is_ident("cfg_attr") {
        return None;
    }
    split(&attr.meta)
}

/// The path of an attribute, looked up through nested `cfg_attr`s.
pub fn innermost_path(meta: &Meta) -> Path {
    if meta.path().is_ident("cfg_attr")
        && let Some((_, contents)) = split(meta)
        && let Some(first) = contents.first()
    {
        return innermost_path(first);
    }
    meta.path().clone()
}

/// The marker that a `cfg_attr` hides.
pub fn conditional_marker(attr: &Attribute) -> Option<Kind> {
    if !attr.path().is_ident("cfg_attr") {
        return None;
    }
    match (split(&attr.meta), &attr.meta) {
        (Some((_, contents)), _) => contents
            .iter()
            .find_map(|content| Kind::of(&innermost_path(content))),
        (None, Meta::List(list)) => named_in(list.tokens.clone()),
        (None, Meta::Path(_) | Meta::NameValue(_)) => None,
    }
}

fn split(meta: &Meta) -> Option<(Meta, Vec<Meta>)> {
    let Meta::List(list) = meta else { return None };
    let parts = list
        .parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated)
        .ok()?;
    let mut parts = parts.into_iter();
    Some((parts.next()?, parts.collect()))
}

/// For a `cfg_attr` that is only half typed.
fn named_in(tokens: TokenStream) -> Option<Kind> {
    tokens.into_iter().find_map(|token| match token {
        TokenTree::Ident(ident) => Kind::of(&ident.into()),
        _ => None,
    })
}
