//! The public method: the signature without `conn`, and one call into the library.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::ext::IdentExt;
use syn::{FnArg, Pat, PatIdent, Signature, Token};

use super::types::Types;
use super::{body, key};
use crate::model::{Argument, Freshness, Isolation, Method, Plan, Repository, Running};

/// The public method.
pub fn method(repository: &Repository, method: &Method) -> TokenStream {
    let attrs = &method.attrs;
    let (cfgs, docs, public) = (&attrs.cfgs, &attrs.docs, &attrs.public);
    let (vis, lints) = (&method.vis, attrs.lints_on_generated());
    let sig = signature(method);
    let types = Types::of(repository, method);
    let body = body::items(&types, method);
    let call = journey(repository, method, &types);
    // A program may need `<name>_on` only. Its repository is used then, the manifold in it included.
    quote_spanned! {method.span()=>
        #(#cfgs)* #(#docs)* #(#public)* #[allow(dead_code)] #(#lints)*
        #vis #sig {
            #body
            #call
        }
    }
}

/// The name of a method, for people.
pub fn text(name: &Ident) -> String {
    name.unraw().to_string()
}

/// The value that says who calls and with which policy.
pub fn call(repository: &Repository, method: &Method) -> TokenStream {
    let span = method.span();
    let support = method.support();
    let (of, name) = (&repository.name, text(&method.sig.ident));
    let name = quote_spanned!(span=> #support::Name::new(#of, #name));
    match &method.plan {
        Plan::Read {
            attempts,
            freshness,
            tag,
            ..
        } => {
            let policy = freshness.map(|freshness| {
                let policy = freshness.policy(&support, span);
                quote_spanned!(span=> .policy(#policy))
            });
            let tag = tag.as_ref().map(|tag| quote_spanned!(span=> .tag(#tag)));
            quote_spanned!(span=> #support::ReadCall::new(#name).attempts(#attempts)#policy #tag)
        }
        Plan::Write {
            running,
            floor,
            invalidates,
        } => {
            let running = running.policy(&support, span);
            let floor = (!floor).then(|| quote_spanned!(span=> .without_floor()));
            let declared = invalidates.is_some();
            let declared = declared.then(|| quote_spanned!(span=> .declared()));
            quote_spanned!(span=> #support::WriteCall::new(#name)#running #floor #declared)
        }
    }
}

impl Freshness {
    fn policy(self, support: &TokenStream, span: Span) -> TokenStream {
        let (consistency, max_staleness, wait) = match self {
            Self::Strong => ("Strong", None, None),
            Self::Session {
                max_staleness_ms,
                wait_ms,
            } => ("Session", max_staleness_ms, wait_ms),
            Self::Eventual => ("Eventual", None, None),
            Self::Bounded {
                max_staleness_ms,
                wait_ms,
            } => ("Eventual", Some(max_staleness_ms), wait_ms),
        };
        let consistency = Ident::new(consistency, span);
        let duration = |ms: u64| quote_spanned!(span=> #support::Duration::from_millis(#ms));
        let max_staleness = max_staleness.map(duration);
        let max_staleness = max_staleness.map(|it| quote_spanned!(span=> .max_staleness(#it)));
        let wait = wait.map(duration);
        let wait = wait.map(|it| quote_spanned!(span=> .wait(#it)));
        quote_spanned! {span=>
            #support::Policy::new().consistency(#support::Consistency::#consistency)
                #max_staleness #wait
        }
    }
}

impl Running {
    fn policy(&self, support: &TokenStream, span: Span) -> TokenStream {
        match self {
            Self::Bare => quote_spanned!(span=> .without_transaction()),
            Self::Transaction { isolation, retry } => {
                let isolation = isolation.map(|isolation| {
                    let level = match isolation {
                        Isolation::ReadCommitted => "ReadCommitted",
                        Isolation::RepeatableRead => "RepeatableRead",
                        Isolation::Serializable => "Serializable",
                    };
                    let level = Ident::new(level, span);
                    quote_spanned!(span=> .isolation(#support::Isolation::#level))
                });
                let retry = (*retry > 0).then(|| quote_spanned!(span=> .retry(#retry)));
                quote!(#isolation #retry)
            }
        }
    }
}

/// The one call into the library.
fn journey(repository: &Repository, method: &Method, types: &Types) -> TokenStream {
    let span = method.span();
    let support = method.support();
    let (db, value) = (db(repository, method), body::value(types, method));
    match &method.plan {
        Plan::Read {
            cache: Some(caching),
            ..
        } => {
            let (constant, key) = (method.constant(), key::of_this_call(method, caching));
            let local = Ident::new("key", span);
            quote_spanned! {span=>
                let #local = #key;
                #support::cached(#db, Self::#constant, #local, #value).await
            }
        }
        Plan::Read { cache: None, .. } => {
            let call = call(repository, method);
            quote_spanned!(span=> #support::read(#db, const { &#call }, #value).await)
        }
        Plan::Write { .. } => {
            let call = call(repository, method);
            quote_spanned!(span=> #support::write(#db, const { &#call }, #value).await)
        }
    }
}

/// The manifold. Without an option it is `self.db`, spelled at the attribute, so that a missing field
/// is rustc's own error there.
fn db(repository: &Repository, method: &Method) -> TokenStream {
    match &repository.db {
        Some(expr) => super::by_reference(expr),
        None => {
            let span = method.receiver.self_token.span;
            let span = span.located_at(Span::call_site());
            quote_spanned!(span=> &self.db)
        }
    }
}

fn signature(method: &Method) -> Signature {
    let mut sig = method.sig.clone();
    let receiver = sig.inputs.iter().take(1).cloned().collect::<Vec<_>>();
    let arguments = method
        .arguments
        .iter()
        .map(|argument| parameter(argument, argument.own_name()));
    sig.inputs = receiver.into_iter().chain(arguments).collect();
    sig
}

/// The parameter with a plain name in the place of its pattern.
pub fn parameter(argument: &Argument, name: Ident) -> FnArg {
    FnArg::Typed(syn::PatType {
        attrs: Vec::new(),
        colon_token: Token![:](name.span()),
        pat: Box::new(Pat::Ident(PatIdent {
            attrs: Vec::new(),
            by_ref: None,
            mutability: None,
            ident: name,
            subpat: None,
        })),
        ty: Box::new(argument.ty.clone()),
    })
}
