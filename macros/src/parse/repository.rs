//! The impl block: its head, and its items with our markers taken off.
//!
//! Only signatures are parsed. A body stays one opaque group, so a half-typed one cannot keep the
//! other methods from expanding, and syntax newer than this crate passes through it.

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::parse::discouraged::Speculative;
use syn::parse::{Parse, ParseStream};
use syn::{Attribute, Generics, Ident, Signature, Token, Type, Visibility, braced};

use super::{Kind, Marker, conditional_marker};

/// An inherent impl block.
pub struct ImplBlock {
    pub attrs: Vec<Attribute>,
    pub inner_attrs: Vec<Attribute>,
    pub generics: Generics,
    pub ty: Type,
    pub items: Vec<Item>,
}

/// An item of the impl block.
pub enum Item {
    /// A method with a marker.
    Marked(Box<Marked>),
    /// An item with a marker whose signature cannot be read.
    Broken(Broken),
    /// Anything else.
    Plain(Plain),
}

/// A method with at least one marker.
pub struct Marked {
    pub markers: Vec<Marker>,
    /// The other attributes.
    pub attrs: Vec<Attribute>,
    pub vis: Visibility,
    pub sig: Signature,
    pub body: Group,
}

impl ToTokens for Marked {
    /// The method as written, without our markers.
    fn to_tokens(&self, tokens: &mut TokenStream) {
        let Self { vis, sig, body, .. } = self;
        let attrs = written(&self.attrs);
        tokens.extend(quote!(#(#attrs)* #vis #sig #body));
    }
}

/// The attributes that the compiler may see: none with a marker of ours in it.
fn written(attrs: &[Attribute]) -> impl Iterator<Item = &Attribute> {
    attrs
        .iter()
        .filter(|attr| conditional_marker(attr).is_none())
}

/// A marked item that is no method with a body, as written but for the markers.
pub struct Broken {
    pub tokens: TokenStream,
    pub mistake: syn::Error,
}

/// An item without a marker, as written.
pub struct Plain {
    pub tokens: TokenStream,
    pub name: Option<Ident>,
    pub attrs: Vec<Attribute>,
}

impl Parse for ImplBlock {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let attrs = input.call(Attribute::parse_outer)?;
        if !input.peek(Token![impl]) {
            return Err(input.error(
                "`#[repository]` goes on an `impl` block: `#[repository] impl Albums { .. }`",
            ));
        }
        input.parse::<Token![impl]>()?;
        let mut generics = Generics::default();
        if input.peek(Token![<]) {
            generics = input.parse()?;
        }
        let ty: Type = input.parse()?;
        if input.peek(Token![for]) {
            return Err(syn::Error::new_spanned(
                ty,
                "`#[repository]` goes on an inherent `impl`, not on the `impl` of a trait: it changes \
                 the signatures, which a trait fixes; call the repository from the trait's methods",
            ));
        }
        generics.where_clause = input.parse()?;
        let inside;
        braced!(inside in input);
        let inner_attrs = inside.call(Attribute::parse_inner)?;
        let mut items = Vec::new();
        while !inside.is_empty() {
            items.push(item(&inside)?);
        }
        Ok(Self {
            attrs,
            inner_attrs,
            generics,
            ty,
            items,
        })
    }
}

fn item(input: ParseStream<'_>) -> syn::Result<Item> {
    let all = input.call(Attribute::parse_outer)?;
    let markers: Vec<_> = all.iter().filter_map(Marker::new).collect();
    let attrs: Vec<_> = all
        .into_iter()
        .filter(|attr| Kind::of(attr.path()).is_none())
        .collect();
    if markers.is_empty() {
        return plain(input, attrs).map(Item::Plain);
    }
    let ahead = input.fork();
    match method(&ahead) {
        Ok((vis, sig, body)) => {
            input.advance_to(&ahead);
            Ok(Item::Marked(Box::new(Marked {
                markers,
                attrs,
                vis,
                sig,
                body,
            })))
        }
        Err(error) => {
            // syn would list all that could stand there, and rustc says the same in its own words.
            let mistake = syn::Error::new(
                error.span(),
                "here `#[repository]` expects the signature of a method with a body: \
                 `async fn by_id(&self, conn: &mut ReadConn<'_>, id: i32) -> Result<Album> { .. }`",
            );
            let rest = to_the_end_of_the_item(input)?;
            let tokens = quote!(#(#attrs)* #rest);
            Ok(Item::Broken(Broken { tokens, mistake }))
        }
    }
}

fn method(input: ParseStream<'_>) -> syn::Result<(Visibility, Signature, Group)> {
    let (vis, sig) = (input.parse()?, input.parse()?);
    let behind = input.fork();
    let body = match behind.parse::<TokenTree>() {
        Ok(TokenTree::Group(group)) => braces(group),
        _ => None,
    };
    let Some(body) = body else {
        return Err(input.error("expected a body"));
    };
    input.advance_to(&behind);
    Ok((vis, sig, body))
}

/// The group if it is one in braces; what a `macro_rules` passes on as a block stands in an
/// invisible group around them.
fn braces(group: Group) -> Option<Group> {
    match group.delimiter() {
        Delimiter::Brace => Some(group),
        Delimiter::None => match group.stream().into_iter().next()? {
            TokenTree::Group(inner) => braces(inner),
            _ => None,
        },
        Delimiter::Parenthesis | Delimiter::Bracket => None,
    }
}

fn plain(input: ParseStream<'_>, attrs: Vec<Attribute>) -> syn::Result<Plain> {
    let ahead = input.fork();
    // A function's signature is read properly: its return type may hold braces (`Page<{ N }>`).
    let (tokens, name) = if let Ok((vis, sig, body)) = method(&ahead) {
        input.advance_to(&ahead);
        (quote!(#vis #sig #body), Some(sig.ident))
    } else {
        let name = named_value(input);
        let rest = to_the_end_of_the_item(input)?;
        (rest, name)
    };
    let written = written(&attrs);
    let tokens = quote!(#(#written)* #tokens);
    Ok(Plain {
        tokens,
        name,
        attrs,
    })
}

/// The name of the `const` or `type` that stands here.
fn named_value(input: ParseStream<'_>) -> Option<Ident> {
    let ahead = input.fork();
    ahead.parse::<Visibility>().ok()?;
    if ahead.parse::<Token![const]>().is_err() {
        ahead.parse::<Token![type]>().ok()?;
    }
    ahead.parse().ok()
}

/// The tokens up to where an item ends: behind a `;`, or behind the braces of all but constants,
/// whose value may be a block.
fn to_the_end_of_the_item(input: ParseStream<'_>) -> syn::Result<TokenStream> {
    let braces_end = named_value(input).is_none();
    let mut tokens = TokenStream::new();
    while !input.is_empty() {
        let token: TokenTree = input.parse()?;
        let ends = match &token {
            TokenTree::Punct(punct) => punct.as_char() == ';',
            TokenTree::Group(group) => braces_end && braces(group.clone()).is_some(),
            _ => false,
        };
        tokens.extend([token]);
        if ends {
            break;
        }
    }
    Ok(tokens)
}
