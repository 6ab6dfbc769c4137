//! The values of options, and what to underline if they are wrong.

use quote::ToTokens;
use syn::{Expr, ExprLit, Lit, LitInt};

use crate::parse::{Opt, Value};

/// What to underline: the value if there is one, else the name.
pub fn place(option: &Opt) -> &dyn ToTokens {
    match &option.value {
        Value::Absent => &option.name,
        Value::Is(expr) => expr,
        Value::List(group) => group,
    }
}

/// The number that is the value, if it has no type suffix.
pub fn integer(value: &Value) -> Option<&LitInt> {
    match literal(value)? {
        Lit::Int(int) if int.suffix().is_empty() => Some(int),
        _ => None,
    }
}

/// The string that is the value.
pub fn text(value: &Value) -> Option<&syn::LitStr> {
    match literal(value)? {
        Lit::Str(text) => Some(text),
        _ => None,
    }
}

fn literal(value: &Value) -> Option<&Lit> {
    let Value::Is(expr) = value else { return None };
    // A literal that came through a `macro_rules` stands in an invisible group.
    let mut expr = &**expr;
    while let Expr::Group(group) = expr {
        expr = &group.expr;
    }
    match expr {
        Expr::Lit(ExprLit { lit, .. }) => Some(lit),
        _ => None,
    }
}

/// The single word that is the value.
pub fn word(value: &Value) -> Option<String> {
    match value {
        Value::Is(expr) => match &**expr {
            Expr::Path(path) => path.path.get_ident().map(ToString::to_string),
            _ => None,
        },
        Value::Absent | Value::List(_) => None,
    }
}
