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
