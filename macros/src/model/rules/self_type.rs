//! What the type of an impl is called: by people in short, in keys so that no other type is.

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use quote::ToTokens;
use syn::punctuated::Punctuated;
use syn::{GenericArgument, PathArguments, Type};

/// The last name of its path: `Albums` of `shop::Albums<Live>`.
pub fn name(ty: &Type) -> String {
    match ty {
        Type::Path(path) => {
            (path.path.segments.last()).map_or_else(String::new, |last| last.ident.to_string())
        }
        Type::Group(group) => name(&group.elem),
        Type::Paren(paren) => name(&paren.elem),
        other => other.to_token_stream().to_string(),
    }
}

/// All of it, for the name of a cache: two impls of one generic type have methods of one name, and
/// these are two methods. Its lifetimes are left out: impls that differ in them alone cannot both
/// have the method.
pub fn path(ty: &Type) -> String {
    match ty {
        Type::Group(group) => path(&group.elem),
        Type::Paren(paren) => path(&paren.elem),
        other => text(without_lifetimes(other.clone()).into_token_stream()),
    }
}

fn without_lifetimes(mut ty: Type) -> Type {
    if let Type::Path(path) = &mut ty
        && let Some(last) = path.path.segments.last_mut()
        && let PathArguments::AngleBracketed(arguments) = &mut last.arguments
    {
        let all = std::mem::take(&mut arguments.args).into_iter();
        arguments.args = all
            .filter(|argument| !matches!(argument, GenericArgument::Lifetime(_)))
            .collect::<Punctuated<_, _>>();
        if arguments.args.is_empty() {
            last.arguments = PathArguments::None;
        }
    }
    ty
}

/// Tokens as text, with a space only between two words: the compiler's own way to print them is no
/// promise, and another text would be another key.
fn text(tokens: TokenStream) -> String {
    let mut text = String::new();
    write(tokens, &mut text);
    text
}

fn write(tokens: TokenStream, text: &mut String) {
    for token in tokens {
        let TokenTree::Group(group) = token else {
            let token = token.to_string();
            let is_word = |c: char| c.is_alphanumeric() || "_\"'".contains(c);
            if text.ends_with(is_word) && token.starts_with(is_word) && !text.ends_with('\'') {
                text.push(' ');
            }
            text.push_str(&token);
            continue;
        };
        let (open, close) = match group.delimiter() {
            Delimiter::Parenthesis => ("(", ")"),
            Delimiter::Brace => ("{", "}"),
            Delimiter::Bracket => ("[", "]"),
            Delimiter::None => ("", ""),
        };
        text.push_str(open);
        write(group.stream(), text);
        text.push_str(close);
    }
}

#[cfg(test)]
mod tests {
    use super::{name, path};
    use syn::{Type, parse_quote};

    #[test]
    fn a_type_is_written_without_needless_spaces_and_with_all_that_tells_it_apart() {
        let cases: [(Type, &str, &str); 9] = [
            (parse_quote!(Albums), "Albums", "Albums"),
            (parse_quote!((Albums)), "Albums", "Albums"),
            (parse_quote!(Albums<'a>), "Albums", "Albums"),
            (parse_quote!(shop::Albums), "Albums", "shop::Albums"),
            (parse_quote!(Tenant<T1>), "Tenant", "Tenant<T1>"),
            (parse_quote!(Tenant<'_, T1>), "Tenant", "Tenant<T1>"),
            (
                parse_quote!(Tenant< a::T1 , 3 , [u8 ; 2]>),
                "Tenant",
                "Tenant<a::T1,3,[u8;2]>",
            ),
            (
                parse_quote!(Tenant<dyn Send + 'static>),
                "Tenant",
                "Tenant<dyn Send+'static>",
            ),
            (
                parse_quote!(Tenant<&'static mut u8, 'x'>),
                "Tenant",
                "Tenant<&'static mut u8,'x'>",
            ),
        ];
        for (ty, short, whole) in cases {
            assert_eq!((name(&ty).as_str(), path(&ty).as_str()), (short, whole));
        }
    }
}
