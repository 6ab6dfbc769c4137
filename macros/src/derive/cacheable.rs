//! `#[derive(Cacheable)]`: the fingerprint of a type's shape, computed at compile time.
//!
//! Whatever changes the bytes of a value at rest changes the fingerprint: names, their order, the
//! types of fields and what serde is told about them.

use proc_macro2::{Ident, TokenStream};
use quote::quote_spanned;
use syn::ext::IdentExt;
use syn::visit::{self, Visit};
use syn::{Data, DeriveInput, Field, Fields, Generics, LitInt, Path, Type, TypePath};

use super::cacheable_attrs::version;
use super::{bounded, serde_attrs};
use crate::diagnose::Diagnosis;
use crate::expand::spans::{Ends, hygienic};
use crate::expand::support;

/// The impl, even where a mistake is noted: its absence would be a second message.
pub fn expand(input: &DeriveInput, diagnosis: &mut Diagnosis) -> TokenStream {
    let name = &input.ident;
    let span = hygienic(name.span());
    let support = support(span);
    let mut shape = Shape {
        of: name.clone(),
        tokens: quote_spanned!(span=> #support::Fingerprint::of),
        support: support.clone(),
    };
    let text = name.unraw().to_string();
    shape.tokens.extend(quote_spanned!(span=> (#text)));
    if let Some(version) = version(&input.attrs, diagnosis) {
        shape.text("version");
        shape.number(&version);
    }
    shape.serde(&input.attrs, diagnosis);
    shape.parameters(&input.generics);
    match &input.data {
        Data::Struct(data) => shape.fields(&data.fields, diagnosis),
        Data::Enum(data) => {
            for variant in &data.variants {
                super::cacheable_attrs::refuse(&variant.attrs, diagnosis);
                shape.text(&variant.ident.unraw().to_string());
                shape.serde(&variant.attrs, diagnosis);
                shape.fields(&variant.fields, diagnosis);
            }
        }
        Data::Union(data) => diagnosis.mistake(
            data.union_token,
            "a union does not know which of its fields it holds, so it cannot be kept: use an `enum`",
        ),
    }
    let fingerprint = shape.tokens;
    let generics = bounded(&input.generics, &quote_spanned!(span=> #support::Cacheable));
    let (impl_generics, _, clause) = generics.split_for_impl();
    let (_, type_generics, _) = input.generics.split_for_impl();
    quote_spanned! {span=>
        #[automatically_derived]
        impl #impl_generics #support::Cacheable for #name #type_generics #clause {
            const FINGERPRINT: #support::Fingerprint = #fingerprint;
        }
    }
}

/// The expression of the fingerprint, as far as it is written.
struct Shape {
    of: Ident,
    tokens: TokenStream,
    support: TokenStream,
}

impl Shape {
    fn text(&mut self, text: &str) {
        let span = hygienic(self.of.span());
        self.tokens.extend(quote_spanned!(span=> .text(#text)));
    }

    fn number(&mut self, number: &LitInt) {
        let span = hygienic(self.of.span());
        self.tokens.extend(quote_spanned!(span=> .number(#number)));
    }

    fn serde(&mut self, attrs: &[syn::Attribute], diagnosis: &mut Diagnosis) {
        for text in serde_attrs::texts(attrs, diagnosis) {
            self.text(&text);
        }
    }

    /// What the generics stand for: a field with a version of its own says only their names.
    fn parameters(&mut self, generics: &Generics) {
        let (span, support) = (hygienic(self.of.span()), &self.support);
        for param in generics.type_params() {
            let ty = &param.ident;
            self.tokens
                .extend(quote_spanned!(span=> .part(<#ty as #support::Cacheable>::FINGERPRINT)));
        }
        for param in generics.const_params() {
            let value = &param.ident;
            self.tokens
                .extend(quote_spanned!(span=> .number(#value as u64)));
        }
    }

    fn fields(&mut self, fields: &Fields, diagnosis: &mut Diagnosis) {
        // The number of fields keeps a variant's last field from being the next variant.
        let (span, count) = (hygienic(self.of.span()), fields.len() as u64);
        self.tokens.extend(quote_spanned!(span=> .number(#count)));
        for field in fields {
            self.field(field, diagnosis);
        }
    }

    fn field(&mut self, field: &Field, diagnosis: &mut Diagnosis) {
        let name = field
            .ident
            .as_ref()
            .map_or_else(String::new, |name| name.unraw().to_string());
        self.text(&name);
        self.serde(&field.attrs, diagnosis);
        if let Some(version) = version(&field.attrs, diagnosis) {
            self.foreign(&field.ty, &version);
            return;
        }
        if serde_attrs::is_skipped(&field.attrs) {
            return;
        }
        if let Some(place) = recursion(&field.ty, &self.of) {
            diagnosis.mistake(
                place,
                "the fingerprint of a recursive type would contain itself: declare the version of this \
                 field's shape, `#[cacheable(version = 1)]`, and raise it when the shape changes",
            );
            return;
        }
        let (ty, support) = (&field.ty, &self.support);
        let span = Ends::of(ty).first;
        self.tokens
            .extend(quote_spanned!(span=> .part(<#ty as #support::Cacheable>::FINGERPRINT)));
    }

    /// A type that has no fingerprint of its own.
    fn foreign(&mut self, ty: &Type, version: &LitInt) {
        let (span, support) = (hygienic(self.of.span()), &self.support);
        let ty = serde_attrs::text_of(quote::ToTokens::to_token_stream(ty));
        self.tokens.extend(quote_spanned! {span=>
            .part(#support::Fingerprint::of("foreign").text(#ty).number(#version))
        });
    }
}

/// Where `ty` mentions the type that is being derived.
fn recursion(ty: &Type, of: &Ident) -> Option<Path> {
    struct Mentions<'a>(&'a Ident, Option<Path>);
    impl<'ast> Visit<'ast> for Mentions<'_> {
        fn visit_type_path(&mut self, path: &'ast TypePath) {
            let name = path.path.segments.first().map(|first| &first.ident);
            let alone = path.path.segments.len() == 1 && path.qself.is_none();
            if alone && name.is_some_and(|name| name == self.0 || name == "Self") {
                self.1 = Some(path.path.clone());
            }
            visit::visit_type_path(self, path);
        }
    }
    let mut mentions = Mentions(of, None);
    mentions.visit_type(ty);
    mentions.1
}
