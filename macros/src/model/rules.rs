//! What was parsed, judged: attributes and signatures become the model or mistakes.
//!
//! Every message of `#[repository]` lives here and in the rooms below. A message says what is wrong
//! and what to write instead, and underlines the token that should change.

mod generics;
mod invalidates;
mod markers;
mod names;
mod options;
mod reading;
mod self_type;
mod signature;
mod values;

use std::collections::HashSet;

use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens;
use syn::Expr;

use super::{Attributes, Item, Keys, Method, Plan, Repository};
use crate::diagnose::Diagnosis;
use crate::parse::{self, ImplBlock, Marked, Options, Value};

/// The repository; what is wrong with it is noted in `diagnosis`, and a method with a mistake stays
/// in it as it was written.
pub fn repository(options: Options, block: ImplBlock, diagnosis: &mut Diagnosis) -> Repository {
    let mut faulty = names::check(&block, diagnosis);
    let db = db(options, diagnosis);
    let neighbours = names::Neighbours::of(&block);
    let context = signature::Context::of(&block);
    let mut items: Vec<_> = (block.items.into_iter())
        .map(|item| match item {
            parse::Item::Plain(plain) => {
                markers::conditional(&plain.attrs, diagnosis);
                Item::AsWritten(plain.tokens)
            }
            parse::Item::Broken(broken) => {
                diagnosis.note(broken.mistake);
                Item::AsWritten(broken.tokens)
            }
            parse::Item::Marked(marked) => {
                let name = names::text(&marked.sig.ident);
                let method = method(&marked, &context, &neighbours, diagnosis);
                method
                    .filter(|_| !faulty.contains(&name))
                    .unwrap_or_else(|| {
                        faulty.insert(name);
                        Item::AsWritten(marked.to_token_stream())
                    })
            }
        })
        .collect();
    forget_faulty(&mut items, &faulty);
    Repository {
        attrs: block.attrs,
        inner_attrs: block.inner_attrs,
        name: self_type::name(&block.ty),
        path: self_type::path(&block.ty),
        generics: block.generics,
        ty: block.ty,
        db,
        items,
    }
}

fn db(options: Options, diagnosis: &mut Diagnosis) -> Option<Expr> {
    let mut db = None;
    for mistake in options.mistakes {
        diagnosis.note(mistake);
    }
    for option in options.list {
        if option.name != "db" {
            diagnosis.mistake(
                &option.name,
                format!(
                    "`#[repository]` has no option `{}`: it has `db = self.store.manifold()`, the \
                     expression of its manifold",
                    option.name
                ),
            );
            // Whatever it was called, it is what was meant: no second message about `self.db`.
            if let Value::Is(expr) = option.value {
                db.get_or_insert(*expr);
            }
            continue;
        }
        match option.value {
            Value::Is(expr) if db.is_none() => db = Some(*expr),
            Value::Is(_) => diagnosis.mistake(&option.name, "`db` is given twice"),
            Value::Absent | Value::List(_) => diagnosis.mistake(
                &option.name,
                "`db` is an expression: `#[repository(db = self.store.manifold())]`",
            ),
        }
    }
    db
}

/// The method, or `None` if a mistake in it was noted.
fn method(
    marked: &Marked,
    context: &signature::Context,
    neighbours: &names::Neighbours,
    diagnosis: &mut Diagnosis,
) -> Option<Item> {
    let before = diagnosis.count();
    markers::conditional(&marked.attrs, diagnosis);
    let markers = markers::agreed(&marked.markers, diagnosis)?;
    let signature = signature::check(marked, markers.kind(), context, diagnosis);
    let plan = markers.plan(marked, neighbours, diagnosis);
    let (signature, plan) = (signature?, plan?);
    names::scope(&plan, &signature.arguments, diagnosis);
    invalidates::answers(&plan, &signature.arguments, diagnosis);
    if diagnosis.count() > before {
        return None;
    }
    Some(Item::Method(Box::new(Method {
        attrs: Attributes::sorted(marked.attrs.clone()),
        vis: marked.vis.clone(),
        sig: marked.sig.clone(),
        body: marked.body.clone(),
        receiver: signature.receiver,
        conn: signature.conn,
        arguments: signature.arguments,
        output: signature.output,
        plan,
    })))
}

/// Takes out the invalidations of methods that did not expand: their key functions are missing
/// because of a mistake that is already reported, and a second message about it would be noise.
fn forget_faulty(items: &mut [Item], faulty: &HashSet<String>) {
    for item in items {
        let Item::Method(method) = item else { continue };
        let Plan::Write {
            invalidates: Some(invalidates),
            ..
        } = &mut method.plan
        else {
            continue;
        };
        invalidates.retain(|one| match &one.keys {
            Keys::Method { method, .. } => {
                names::in_this_impl(method).is_none_or(|name| !faulty.contains(&names::text(name)))
            }
            Keys::Value(_) => true,
        });
    }
}

/// The first variable `name` in `tokens`, at any depth, in format strings too: no field, no method,
/// no part of a path.
pub fn mention(tokens: TokenStream, name: &str) -> Option<proc_macro2::Ident> {
    // The punctuation behind which the next token stands.
    let mut before = String::new();
    for token in tokens {
        match token {
            TokenTree::Ident(ident) if ident == name && before != "." && before != "::" => {
                return Some(ident);
            }
            TokenTree::Group(group) => {
                if let Some(found) = mention(group.stream(), name) {
                    return Some(found);
                }
            }
            TokenTree::Punct(punct) => {
                before.push(punct.as_char());
                continue;
            }
            TokenTree::Literal(literal) => {
                let text = literal.to_string();
                if text.contains(&format!("{{{name}}}")) || text.contains(&format!("{{{name}:")) {
                    return Some(proc_macro2::Ident::new(name, literal.span()));
                }
            }
            TokenTree::Ident(_) => {}
        }
        before.clear();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::mention;
    use quote::quote;

    #[test]
    fn a_name_is_mentioned_where_it_is_a_variable() {
        let mentioned = [
            quote!(id),
            quote!(by_id(*id)),
            quote!(..id),
            quote!(f(|x| { x + id })),
            quote!(id.id()),
            quote!(format!("{id:?}")),
        ];
        for tokens in mentioned {
            assert!(mention(tokens.clone(), "id").is_some(), "{tokens}");
        }
        let others = [
            quote!(album.id),
            quote!(Self::id),
            quote!(x.id()),
            quote!(ids),
            quote!("id"),
        ];
        for tokens in others {
            assert!(mention(tokens.clone(), "id").is_none(), "{tokens}");
        }
    }
}
