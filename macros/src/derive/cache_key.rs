//! `#[derive(CacheKey)]`: the value in the syntax of Rust literals, `Filter{year:1959i32,live:true}`.
//!
//! The type's own tokens stand between the values, and every value says where it ends, so two
//! different values never write the same bytes. There is no way to skip a field: two values that
//! differ in it would share an answer.

use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::{Data, DeriveInput, Fields, Member};

use super::bounded;
use crate::diagnose::Diagnosis;
use crate::expand::spans::{Ends, hygienic};
use crate::expand::support;

/// The impl, even where a mistake is noted: its absence would be a second message.
pub fn expand(input: &DeriveInput, diagnosis: &mut Diagnosis) -> TokenStream {
    let name = &input.ident;
    let span = hygienic(name.span());
    let support = support(span);
    let key = Ident::new("key", span);
    let arms = match &input.data {
        Data::Struct(data) => vec![arm(&text(name), &quote!(Self), &data.fields, &key)],
        Data::Enum(data) => (data.variants.iter())
            .map(|variant| {
                let ident = &variant.ident;
                let path = format!("{}::{}", text(name), text(ident));
                arm(&path, &quote!(Self::#ident), &variant.fields, &key)
            })
            .collect(),
        Data::Union(data) => {
            diagnosis.mistake(
                data.union_token,
                "a union does not know which of its fields it holds, so it cannot be part of a key: \
                 use an `enum`",
            );
            Vec::new()
        }
    };
    let value = match &input.data {
        Data::Enum(_) if arms.is_empty() => quote_spanned!(span=> match *self {}),
        Data::Union(_) => quote_spanned!(span=> let _ = #key;),
        _ => quote_spanned!(span=> match self { #(#arms)* }),
    };
    let generics = bounded(&input.generics, &quote_spanned!(span=> #support::CacheKey));
    let (impl_generics, _, clause) = generics.split_for_impl();
    let (_, type_generics, _) = input.generics.split_for_impl();
    quote_spanned! {span=>
        #[automatically_derived]
        impl #impl_generics #support::CacheKey for #name #type_generics #clause {
            fn write_key(&self, #key: &mut #support::KeyWriter) {
                #value
            }
        }
    }
}

fn arm(path: &str, pattern: &TokenStream, fields: &Fields, key: &Ident) -> TokenStream {
    let span = key.span();
    let raw = |text: &str| {
        let bytes = proc_macro2::Literal::byte_string(text.as_bytes());
        quote_spanned!(span=> #key.raw(#bytes);)
    };
    let (open, close) = match fields {
        Fields::Named(_) => ("{", "}"),
        Fields::Unnamed(_) => ("(", ")"),
        Fields::Unit => ("", ""),
    };
    let mut bindings = Vec::new();
    let mut writes = Vec::new();
    let mut before = format!("{path}{open}");
    for (at, (member, field)) in fields.members().zip(fields).enumerate() {
        let binding = format_ident!("field_{}", at, span = span);
        if let Member::Named(name) = &member {
            before.push_str(&text(name));
            before.push(':');
        }
        writes.push(raw(&before));
        // rustc's error for a type that cannot be in a key goes under that type.
        let ends = Ends::of(&field.ty);
        let (place, cache_key) = (ends.reborrow(&binding), ends.support("CacheKey"));
        let write = Ident::new("write_key", ends.last);
        writes.push(quote_spanned!(span=> #cache_key::#write(#place, #key);));
        bindings.push(quote_spanned!(span=> #member: #binding));
        ",".clone_into(&mut before);
    }
    let end = if bindings.is_empty() {
        format!("{before}{close}")
    } else {
        close.to_owned()
    };
    let end = raw(&end);
    quote_spanned!(span=> #pattern { #(#bindings),* } => { #(#writes)* #end })
}

fn text(name: &Ident) -> String {
    name.unraw().to_string()
}
