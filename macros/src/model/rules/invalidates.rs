//! The items of `invalidates(..)`.

use proc_macro2::{Group, TokenTree};
use quote::ToTokens;
use syn::parse::{ParseStream, Parser};
use syn::{Expr, ExprCall, Path, Token, Type};

use super::mention;
use super::names::{Neighbours, in_this_impl};
use crate::diagnose::Diagnosis;
use crate::model::{Argument, Invalidation, Keys, Plan};

/// The items of the list; faulty ones are noted and left out.
pub fn parse(
    list: &Group,
    neighbours: &Neighbours,
    diagnosis: &mut Diagnosis,
) -> Vec<Invalidation> {
    let mut expressions = Vec::new();
    let parser = |input: ParseStream<'_>| {
        while !input.is_empty() {
            match input.parse::<Expr>() {
                Ok(expr) => expressions.push(expr),
                Err(mistake) => diagnosis.note(mistake),
            }
            // Behind a faulty item the next one is read all the same.
            while !input.is_empty() && input.parse::<Option<Token![,]>>()?.is_none() {
                input.parse::<TokenTree>()?;
            }
        }
        Ok(())
    };
    if let Err(mistake) = parser.parse2(list.stream()) {
        diagnosis.note(mistake);
    }
    if list.stream().is_empty() {
        diagnosis.mistake(
            list,
            "name the cached answers that this write makes stale, `invalidates(by_id(id))`, or say \
             `invalidates(none)`",
        );
    }
    let alone = expressions.len() == 1;
    expressions
        .into_iter()
        .filter_map(|expr| item(expr, alone, neighbours, diagnosis))
        .collect()
}

fn item(
    expr: Expr,
    alone: bool,
    neighbours: &Neighbours,
    diagnosis: &mut Diagnosis,
) -> Option<Invalidation> {
    if matches!(&expr, Expr::Path(path) if path.path.is_ident("none")) {
        if !alone {
            diagnosis.mistake(
                expr,
                "`none` says that nothing becomes stale: it stands alone",
            );
        }
        return None;
    }
    let answer = mention(expr.to_token_stream(), "ret");
    let keys = match expr {
        Expr::Call(call) => match key_method(&call, neighbours) {
            Some(method) => method_keys(method, call, neighbours, diagnosis)?,
            None => Keys::Value(Box::new(Expr::Call(call))),
        },
        other => Keys::Value(Box::new(other)),
    };
    Some(Invalidation { keys, answer })
}

/// The path of a call that stands for a method's key: `by_id(..)`, `Albums::by_id(..)`. Not
/// `Some(..)`, not a function of a module, and not a key function itself, unless it is one of this
/// impl said without `Self::`: that is what rustc suggests for a misspelt method.
fn key_method(call: &ExprCall, neighbours: &Neighbours) -> Option<Path> {
    let Expr::Path(callee) = &*call.func else {
        return None;
    };
    let lower = |ident: &syn::Ident| {
        !ident
            .to_string()
            .trim_start_matches('_')
            .starts_with(char::is_uppercase)
    };
    let mut segments = callee.path.segments.iter().rev();
    let method = segments.next()?;
    let of_a_type = segments.next().is_none_or(|ty| !lower(&ty.ident));
    let bare = callee
        .path
        .get_ident()
        .is_some_and(|name| neighbours.is_key_function(name));
    let is_key_function = method.ident.to_string().ends_with("_key") && !bare;
    (callee.qself.is_none() && lower(&method.ident) && of_a_type && !is_key_function)
        .then(|| callee.path.clone())
}

fn method_keys(
    method: Path,
    call: ExprCall,
    neighbours: &Neighbours,
    diagnosis: &mut Diagnosis,
) -> Option<Keys> {
    if method.is_ident("tag") {
        diagnosis.mistake(
            method,
            "`tag(..)` is not available yet: name each answer by its method, `by_id(id)`",
        );
        return None;
    }
    let all = (call.args.iter()).find(
        |arg| matches!(arg, Expr::Range(range) if range.start.is_none() && range.end.is_none()),
    );
    if let Some(all) = all {
        diagnosis.mistake(
            all,
            "`..` for \"whatever it was called with\" is not available yet: pass every argument",
        );
        return None;
    }
    if let Some(name) = in_this_impl(&method)
        && neighbours.is_uncached(name)
    {
        diagnosis.mistake(
            name,
            format!("`{name}` is not `#[cached]`, so there is no answer of it to invalidate"),
        );
        return None;
    }
    Some(Keys::Method {
        method,
        arguments: call.args.into_iter().collect(),
        parentheses: call.paren_token.span.join(),
    })
}

/// What the items that use the answer ask of the parameters.
pub fn answers(plan: &Plan, arguments: &[Argument], diagnosis: &mut Diagnosis) {
    let Plan::Write {
        invalidates: Some(invalidates),
        ..
    } = plan
    else {
        return;
    };
    for one in invalidates.iter().filter(|one| one.answer.is_some()) {
        let expr = one.to_token_stream();
        for argument in arguments {
            let Some(bound) = argument
                .names()
                .into_iter()
                .find(|name| mention(expr.clone(), &name.to_string()).is_some())
            else {
                continue;
            };
            if bound == "ret" {
                diagnosis.mistake(
                    bound,
                    "`ret` in `invalidates(..)` is what the method returns: give this parameter another \
                     name",
                );
            } else if matches!(&argument.ty, Type::Reference(ty) if ty.mutability.is_some()) {
                diagnosis.mistake(
                    mention(expr.clone(), &bound.to_string()),
                    format!(
                        "`{bound}` is a `&mut`, which the body has used up when `ret` is known: use \
                         `conn.invalidate(..)` in the body"
                    ),
                );
            }
        }
    }
}
