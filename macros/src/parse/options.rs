//! The options of an attribute: `ttl = "2m"`, `scope(..)`, `eventual`, separated by commas.

use proc_macro2::{Group, TokenStream, TokenTree};
use syn::ext::IdentExt;
use syn::parse::{ParseStream, Parser};
use syn::{Expr, Ident, Token, parenthesized};

/// The options of one attribute, and what could not be read as one.
#[derive(Default)]
pub struct Options {
    pub list: Vec<Opt>,
    pub mistakes: Vec<syn::Error>,
}

/// One option.
pub struct Opt {
    pub name: Ident,
    pub value: Value,
}

/// What stands behind an option's name.
pub enum Value {
    /// Nothing: `eventual`.
    Absent,
    /// `= expression`.
    Is(Box<Expr>),
    /// `(..)`.
    List(Group),
}

impl Options {
    /// Reads all options that can be read: a faulty one does not hide the next.
    pub fn parse(tokens: TokenStream) -> Self {
        let mut options = Self::default();
        let parser = |input: ParseStream<'_>| {
            while !input.is_empty() {
                match option(input) {
                    Ok(option) => options.list.push(option),
                    Err(mistake) => options.mistakes.push(mistake),
                }
                skip_to_comma(input)?;
            }
            Ok(())
        };
        if let Err(mistake) = parser.parse2(tokens) {
            options.mistakes.push(mistake);
        }
        options
    }

    /// No options, and one mistake.
    pub fn refused(mistake: syn::Error) -> Self {
        Self {
            list: Vec::new(),
            mistakes: vec![mistake],
        }
    }
}

fn option(input: ParseStream<'_>) -> syn::Result<Opt> {
    // `parse_any`: a keyword (`if`, `type`) is an unknown option, not a syntax error.
    let name = input.call(Ident::parse_any)?;
    let value = if input.peek(Token![=]) {
        let equals: Token![=] = input.parse()?;
        let value = input.parse().map_err(|_| {
            syn::Error::new(equals.span, format!("`{name} =` needs a value behind it"))
        })?;
        Value::Is(Box::new(value))
    } else if input.peek(syn::token::Paren) {
        let inside;
        let paren = parenthesized!(inside in input);
        let mut group = Group::new(proc_macro2::Delimiter::Parenthesis, inside.parse()?);
        group.set_span(paren.span.join());
        Value::List(group)
    } else {
        Value::Absent
    };
    if !input.is_empty() && !input.peek(Token![,]) {
        return Err(input.error(format!("expected `,` behind the option `{name}`")));
    }
    Ok(Opt { name, value })
}

fn skip_to_comma(input: ParseStream<'_>) -> syn::Result<()> {
    while !input.is_empty() {
        if input.peek(Token![,]) {
            input.parse::<Token![,]>()?;
            break;
        }
        input.parse::<TokenTree>()?;
    }
    Ok(())
}
