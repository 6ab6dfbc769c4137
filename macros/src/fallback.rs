//! What is emitted when the impl block itself cannot be read: the user's tokens without our markers,
//! so that the editor keeps its view of them and one mistake gives one message.

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};

use crate::parse::Kind;

/// `item` without the markers in it, however little of it is Rust yet.
pub fn without_markers(item: TokenStream) -> TokenStream {
    let mut tokens = item.into_iter().peekable();
    let mut kept = TokenStream::new();
    while let Some(token) = tokens.next() {
        let marker = matches!(&token, TokenTree::Punct(punct) if punct.as_char() == '#')
            && tokens.peek().is_some_and(is_marker);
        if marker {
            tokens.next();
            continue;
        }
        kept.extend([match token {
            TokenTree::Group(group) => TokenTree::Group(inside(&group)),
            other => other,
        }]);
    }
    kept
}

fn inside(group: &Group) -> Group {
    let mut kept = Group::new(group.delimiter(), without_markers(group.stream()));
    kept.set_span(group.span());
    kept
}

fn is_marker(token: &TokenTree) -> bool {
    let TokenTree::Group(group) = token else {
        return false;
    };
    let named = |attr: &syn::Meta| Kind::of(attr.path()).is_some();
    group.delimiter() == Delimiter::Bracket
        && syn::parse2(group.stream()).is_ok_and(|meta| named(&meta))
}

#[cfg(test)]
mod tests {
    use super::without_markers;
    use quote::quote;

    #[test]
    fn markers_go_and_all_else_stays() {
        let item = quote! {
            #[doc = "x"] impl Trait for Albums {
                #[read(attempts = 1)] #[inline] async fn a(&self) { let x = [#[cfg(unix)] 1]; }
                #[manifold::cached] fn b(;)
            }
        };
        let kept = quote! {
            #[doc = "x"] impl Trait for Albums {
                #[inline] async fn a(&self) { let x = [#[cfg(unix)] 1]; }
                fn b(;)
            }
        };
        assert_eq!(without_markers(item).to_string(), kept.to_string());
    }
}
