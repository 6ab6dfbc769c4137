//! What a `#[cached]` method has besides: the constant that describes it, and its key function.

use proc_macro2::{Ident, TokenStream};
use quote::{quote, quote_spanned};
use syn::visit_mut::{self, VisitMut};
use syn::{Lifetime, Meta, Type, TypeReference};

use super::spans::{Ends, hygienic};
use super::{by_reference, is_reference, public};
use crate::model::{Caching, Method, Plan, Repository};

/// The constant and the key function; nothing for a method that is not cached.
pub fn items(repository: &Repository, method: &Method) -> TokenStream {
    let Plan::Read {
        cache: Some(caching),
        ..
    } = &method.plan
    else {
        return TokenStream::new();
    };
    let constant = constant(repository, method, caching);
    let function = function(method, caching);
    quote!(#constant #function)
}

/// The key of this very call, in the public method.
pub fn of_this_call(method: &Method, caching: &Caching) -> TokenStream {
    let span = method.span();
    let scope = caching.scope.iter().map(|scope| by_reference(&scope.value));
    let arguments = method.arguments.iter().map(|argument| {
        let name = argument.own_name();
        if argument.is_reference() {
            quote!(#name)
        } else {
            quote_spanned!(span=> &#name)
        }
    });
    let key = method.key();
    quote_spanned!(span=> Self::#key(#(#scope,)* #(#arguments),*))
}

fn constant(repository: &Repository, method: &Method, caching: &Caching) -> TokenStream {
    let span = method.span();
    let support = method.support();
    let (constant, cfgs) = (method.constant(), &method.attrs.cfgs);
    let read = public::call(repository, method);
    let ttl = caching.ttl_ms;
    let name = match &caching.name {
        Some(name) => quote!(#name),
        None => {
            let path = format!("::{}::{}", repository.path, public::text(&method.sig.ident));
            quote_spanned!(span=> #support::concat!(#support::module_path!(), #path))
        }
    };
    quote_spanned! {span=>
        #(#cfgs)*
        #[doc(hidden)]
        const #constant: &'static #support::CachedCall = &#support::CachedCall::new(#read, #name)
            .ttl(#support::Duration::from_millis(#ttl));
    }
}

fn function(method: &Method, caching: &Caching) -> TokenStream {
    let span = method.span();
    let support = method.support();
    let (cfgs, vis) = (&method.attrs.cfgs, &method.vis);
    // `#[doc(hidden)]`, but not the text.
    let hidden = (method.attrs.docs.iter()).filter(|doc| matches!(doc.meta, Meta::List(_)));
    let (key, constant, of) = (
        method.key(),
        method.constant(),
        public::text(&method.sig.ident),
    );
    let doc = format!(
        "The key of [`{of}`](Self::{of}) with these arguments, for `invalidates(..)` and \
         `conn.invalidate(..)`."
    );
    let scope = caching.scope.iter().map(|scope| (&scope.name, &scope.ty));
    let arguments = (method.arguments.iter()).map(|argument| (&argument.name, &argument.ty));
    let (names, types): (Vec<Ident>, Vec<&Type>) = scope
        .chain(arguments)
        .map(|(name, ty)| {
            let mut name = name.clone();
            name.set_span(hygienic(name.span()));
            (name, ty)
        })
        .unzip();
    let parameters = names.iter().zip(&types).map(|(name, ty)| {
        let ty = parameter(method, ty);
        quote_spanned!(span=> #name: #ty)
    });
    // rustc's error for a type that cannot be in a key goes under that type.
    let written = names.iter().zip(&types).map(|(name, ty)| {
        let ends = Ends::of(ty);
        let (place, argument) = (ends.reborrow(name), Ident::new("argument", ends.last));
        quote_spanned!(span=> .#argument(#place))
    });
    quote_spanned! {span=>
        #(#cfgs)*
        #(#hidden)*
        #[doc = #doc]
        #[must_use]
        #vis fn #key(#(#parameters),*) -> #support::Key {
            #support::KeyWriter::new(Self::#constant)#(#written)*.finish()
        }
    }
}

/// `&T` for a `T`, `&U` for a `&U`; the method's lifetimes are elided, because a key keeps nothing.
fn parameter(method: &Method, ty: &Type) -> TokenStream {
    struct Elide<'a>(&'a Method);
    impl Elide<'_> {
        fn is_own(&self, lifetime: &Lifetime) -> bool {
            let generics = &self.0.sig.generics;
            generics
                .lifetimes()
                .any(|param| param.lifetime == *lifetime)
        }
    }
    impl VisitMut for Elide<'_> {
        fn visit_type_reference_mut(&mut self, ty: &mut TypeReference) {
            ty.lifetime = ty.lifetime.take().filter(|lifetime| !self.is_own(lifetime));
            visit_mut::visit_type_reference_mut(self, ty);
        }
        fn visit_lifetime_mut(&mut self, lifetime: &mut Lifetime) {
            if self.is_own(lifetime) {
                *lifetime = Lifetime::new("'_", lifetime.span());
            }
        }
    }
    let mut elided = ty.clone();
    Elide(method).visit_type_mut(&mut elided);
    if is_reference(ty) {
        quote!(#elided)
    } else {
        quote_spanned!(method.span()=> &#elided)
    }
}
