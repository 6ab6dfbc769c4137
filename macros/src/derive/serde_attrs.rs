//! What serde is told about a type changes its bytes, so it is part of the fingerprint.

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use quote::ToTokens;
use syn::punctuated::Punctuated;
use syn::{Attribute, Meta, Token};

use crate::diagnose::Diagnosis;

/// Values at rest are postcard, which writes fields one behind the other and no names. What needs a
/// format that describes itself reads back as something else, or not at all.
const NEED_NAMES: [&str; 4] = ["flatten", "untagged", "tag", "skip_serializing_if"];

/// The text of every `#[serde(..)]`; those that the format at rest cannot follow are noted.
pub fn texts(attrs: &[Attribute], diagnosis: &mut Diagnosis) -> Vec<String> {
    for meta in parts(attrs) {
        if let Some(name) = NEED_NAMES.iter().find(|name| meta.path().is_ident(name)) {
            diagnosis.mistake(
                &meta,
                format!(
                    "`#[serde({name})]` needs a format with field names, and cached values have none: \
                     answer with a type of its own for the cache, or use `#[read]`"
                ),
            );
        }
    }
    serde(attrs)
        .map(|attr| text_of(attr.meta.to_token_stream()))
        .collect()
}

/// Whether serde leaves the field out altogether.
pub fn is_skipped(attrs: &[Attribute]) -> bool {
    parts(attrs).any(|meta| meta.path().is_ident("skip"))
}

fn serde(attrs: &[Attribute]) -> impl Iterator<Item = &Attribute> {
    attrs.iter().filter(|attr| attr.path().is_ident("serde"))
}

fn parts(attrs: &[Attribute]) -> impl Iterator<Item = Meta> {
    let parser = Punctuated::<Meta, Token![,]>::parse_terminated;
    // What serde cannot read either is serde's to report.
    serde(attrs)
        .filter_map(move |attr| attr.parse_args_with(parser).ok())
        .flatten()
}

/// Tokens as text, one space between each two: the compiler's own way to print them is no promise,
/// and another text would be another fingerprint.
pub fn text_of(tokens: TokenStream) -> String {
    let mut words = Vec::new();
    collect(tokens, &mut words);
    words.join(" ")
}

fn collect(tokens: TokenStream, words: &mut Vec<String>) {
    for token in tokens {
        let TokenTree::Group(group) = token else {
            words.push(token.to_string());
            continue;
        };
        let (open, close) = match group.delimiter() {
            Delimiter::Parenthesis => ("(", ")"),
            Delimiter::Brace => ("{", "}"),
            Delimiter::Bracket => ("[", "]"),
            Delimiter::None => ("", ""),
        };
        words.push(open.to_owned());
        collect(group.stream(), words);
        words.push(close.to_owned());
    }
}
