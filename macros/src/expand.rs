//! The model as tokens. Nothing is decided here and nothing can fail.
//!
//! A method becomes a public one without `conn`, which is one call into the library, and
//! `<name>_on` with `conn`. The call carries a `Body`: the arguments in a struct that can run, because
//! an async closure over a borrowed connection is not provably `Send` under `tokio::spawn`.

mod body;
mod key;
mod on;
mod public;
pub mod spans;
mod types;

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::Type;
use syn::ext::IdentExt;

use crate::model::{Argument, Item, Method, Plan, Repository};
use crate::parse::Kind;
use spans::hygienic;

/// The impl block.
pub fn repository(repository: &Repository) -> TokenStream {
    let Repository {
        attrs,
        inner_attrs,
        generics,
        ty,
        ..
    } = repository;
    let (impl_generics, _, where_clause) = generics.split_for_impl();
    let items = repository.items.iter().map(|item| match item {
        Item::AsWritten(tokens) => tokens.clone(),
        Item::Method(method) => self::method(repository, method),
    });
    quote! {
        #(#attrs)*
        impl #impl_generics #ty #where_clause {
            #(#inner_attrs)*
            #(#items)*
        }
    }
}

fn method(repository: &Repository, method: &Method) -> TokenStream {
    let key = key::items(repository, method);
    let public = public::method(repository, method);
    let on = on::methods(method);
    quote!(#key #public #on)
}

impl Method {
    /// Where generated tokens are if nothing better is known, and where no name of the user's is
    /// in their way.
    fn span(&self) -> Span {
        hygienic(self.sig.ident.span())
    }

    /// The path of a name that generated code may say.
    fn support(&self) -> TokenStream {
        support(self.span())
    }

    /// `by_id_on`.
    fn on(&self) -> Ident {
        format_ident!("{}_on", self.sig.ident)
    }

    /// `by_id_key`.
    fn key(&self) -> Ident {
        format_ident!("{}_key", self.sig.ident)
    }

    /// The constant that says how the method was annotated.
    fn constant(&self) -> Ident {
        let name = self.sig.ident.unraw().to_string().to_uppercase();
        Ident::new(&format!("{name}_CALL"), self.span())
    }

    /// The private function that holds the body of a write with declared invalidations.
    fn private(&self) -> Ident {
        Ident::new(&format!("__{}_body", self.sig.ident.unraw()), self.span())
    }

    /// The type and constant parameters, for a call that passes them on. Lifetimes are inferred:
    /// a late-bound one must not be passed.
    fn turbofish(&self) -> TokenStream {
        let names = self
            .sig
            .generics
            .params
            .iter()
            .filter_map(|param| match param {
                syn::GenericParam::Type(param) => Some(&param.ident),
                syn::GenericParam::Const(param) => Some(&param.ident),
                syn::GenericParam::Lifetime(_) => None,
            });
        let names: Vec<_> = names.collect();
        if names.is_empty() {
            return TokenStream::new();
        }
        quote_spanned!(self.span()=> ::<#(#names),*>)
    }
}

impl Argument {
    /// Its name, where no other name of the user's matters.
    fn own_name(&self) -> Ident {
        let mut name = self.name.clone();
        name.set_span(hygienic(name.span()));
        name
    }

    fn is_reference(&self) -> bool {
        is_reference(&self.ty)
    }
}

fn is_reference(ty: &Type) -> bool {
    match ty {
        Type::Reference(_) => true,
        Type::Group(group) => is_reference(&group.elem),
        Type::Paren(paren) => is_reference(&paren.elem),
        _ => false,
    }
}

/// Reads and writes differ in the connection they get.
fn kind(method: &Method) -> Kind {
    match &method.plan {
        Plan::Read { .. } => Kind::Read,
        Plan::Write { .. } => Kind::Write,
    }
}

/// The module of all names that generated code may say.
pub fn support(span: Span) -> TokenStream {
    quote_spanned!(span=> ::diesel_manifold::macro_support)
}

/// `&expr`, for a parameter that takes a reference: deref coercion does the rest, so `id` may be an
/// `i32`, an `&i32` or an `Arc<i32>`. What is a reference already stays as it is.
fn by_reference(expr: &syn::Expr) -> TokenStream {
    use syn::Expr;
    let span = spans::Ends::of(expr).first;
    match expr {
        Expr::Reference(_) => expr.to_token_stream(),
        Expr::Binary(_)
        | Expr::Cast(_)
        | Expr::Closure(_)
        | Expr::Range(_)
        | Expr::Assign(_)
        | Expr::Let(_)
        | Expr::Return(_)
        | Expr::Break(_)
        | Expr::Yield(_) => quote_spanned!(span=> &(#expr)),
        _ => quote_spanned!(span=> &#expr),
    }
}

#[cfg(test)]
mod tests {
    use quote::quote;

    use super::TokenStream;
    use crate::diagnose::Diagnosis;
    use crate::model::rules;
    use crate::parse::Options;

    /// What is generated for a method with these markers, or its mistakes.
    fn expanded(markers: &TokenStream, conn: &TokenStream) -> String {
        let block = syn::parse_quote! {
            impl Albums {
                #markers
                async fn all(&self, conn: &mut #conn) -> Result<i32> { body(conn).await }
                #[cached]
                async fn one(&self, conn: &mut ReadConn<'_>) -> Result<i32> { body(conn).await }
            }
        };
        let mut diagnosis = Diagnosis::default();
        let repository = rules::repository(Options::default(), block, &mut diagnosis);
        let tokens = super::repository(&repository);
        diagnosis
            .behind(tokens)
            .to_string()
            .replace([' ', '\n'], "")
            .replace("::diesel_manifold::macro_support::", "")
    }

    #[test]
    fn a_read_carries_the_policy_that_was_said_and_none_if_nothing_was() {
        let session = "Policy::new().consistency(Consistency::Session)";
        let table = [
            (quote!(#[read]), String::new()),
            (quote!(#[read(attempts = 3)]), String::new()),
            (quote!(#[read(consistency = session)]), session.to_owned()),
            (
                quote!(#[read(consistency = strong)]),
                session.replace("Session", "Strong"),
            ),
            (
                quote!(#[cached(consistency = eventual)]),
                session.replace("Session", "Eventual"),
            ),
            (
                quote!(#[read(max_staleness = "500ms")]),
                format!("{session}.max_staleness(Duration::from_millis(500u64))"),
            ),
            (
                quote!(#[read(wait = 0)]),
                format!("{session}.wait(Duration::from_millis(0u64))"),
            ),
            (
                quote!(#[read(consistency = eventual, wait = "0ms")] #[cached(max_staleness = 60)]),
                format!(
                    "{}.max_staleness(Duration::from_millis(60000u64)).wait(Duration::from_millis(0u64))",
                    session.replace("Session", "Eventual")
                ),
            ),
        ];
        for (markers, policy) in table {
            let found = expanded(&markers, &quote!(ReadConn<'_>));
            let policy = if policy.is_empty() {
                String::new()
            } else {
                format!(".policy({policy})")
            };
            let call = format!(r#"ReadCall::new(Name::new("Albums","all")).attempts(3u8){policy}"#);
            let ends = [format!("{call}}}"), format!("{call},")];
            assert!(
                ends.iter().any(|it| found.contains(it)),
                "{markers}: {found}"
            );
        }
    }

    #[test]
    fn a_write_says_whether_it_raises_a_floor_and_whether_it_declared_what_becomes_stale() {
        let table = [
            (quote!(#[write]), ""),
            (quote!(#[write(retry = 2)]), ".retry(2u8)"),
            (quote!(#[write(floor = none)]), ".without_floor()"),
            (quote!(#[write(invalidates(none))]), ".declared()"),
            (quote!(#[write(invalidates(one()))]), ".declared()"),
            (
                quote!(#[write(transaction = off, invalidates(one()), floor = none)]),
                ".without_transaction().without_floor().declared()",
            ),
        ];
        for (markers, said) in table {
            let found = expanded(&markers, &quote!(WriteConn<'_>));
            let call = format!(r#"WriteCall::new(Name::new("Albums","all")){said}}}"#);
            assert!(found.contains(&call), "{markers}: {found}");
        }
    }
}
