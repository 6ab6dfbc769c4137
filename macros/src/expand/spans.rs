//! Where generated tokens claim to be. rustc underlines an expression from its first token to its
//! last, so an expression between the ends of a type puts rustc's own errors under that type.

use proc_macro2::{Delimiter, Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote, quote_spanned};

/// The location of `span`, with names of our own: no variable of the user's is captured.
pub fn hygienic(span: Span) -> Span {
    span.resolved_at(Span::mixed_site())
}

/// The first and the last token of something that the user wrote.
#[derive(Clone, Copy)]
pub struct Ends {
    pub first: Span,
    pub last: Span,
}

impl Ends {
    pub fn of(written: &impl ToTokens) -> Self {
        let mut ends = None;
        extend(&mut ends, written.to_token_stream());
        ends.unwrap_or(Self {
            first: Span::call_site(),
            last: Span::call_site(),
        })
    }

    /// One token.
    pub fn at(span: Span) -> Self {
        Self {
            first: span,
            last: span,
        }
    }

    /// `&*name`, underlined as what these are the ends of.
    pub fn reborrow(self, name: &Ident) -> TokenStream {
        let inner = quote_spanned!(name.span()=> *#name);
        let inside = quote_spanned!(self.last=> (#inner));
        let and = quote_spanned!(self.first=> &);
        quote_spanned!(self.last=> #and #inside)
    }

    /// `&name`, underlined as what these are the ends of.
    pub fn reborrow_from(self, name: &Ident) -> TokenStream {
        let inside = quote_spanned!(self.last=> (#name));
        let and = quote_spanned!(self.first=> &);
        quote!(#and #inside)
    }

    /// `&mut *name`, underlined as what these are the ends of.
    pub fn reborrow_mut(self, name: &Ident) -> TokenStream {
        let inner = quote_spanned!(name.span()=> *#name);
        let inside = quote_spanned!(self.last=> (#inner));
        let and = quote_spanned!(self.first=> &);
        quote_spanned!(self.last=> #and mut #inside)
    }

    /// `::diesel_manifold::macro_support::name`, underlined as what these are the ends of.
    pub fn support(self, name: &str) -> TokenStream {
        let name = Ident::new(name, self.last);
        let colons = quote_spanned!(self.first=> ::);
        quote_spanned!(self.last=> #colons diesel_manifold::macro_support::#name)
    }
}

fn extend(ends: &mut Option<Ends>, tokens: TokenStream) {
    for token in tokens {
        match token {
            TokenTree::Group(group) if group.delimiter() == Delimiter::None => {
                extend(ends, group.stream());
            }
            TokenTree::Group(group) => add(ends, group.span_open(), group.span_close()),
            other => add(ends, other.span(), other.span()),
        }
    }
}

fn add(ends: &mut Option<Ends>, first: Span, last: Span) {
    match ends {
        Some(ends) => ends.last = last,
        None => *ends = Some(Ends { first, last }),
    }
}
