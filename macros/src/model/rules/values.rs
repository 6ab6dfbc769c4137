//! The values of options, and what to underline if they are wrong.

use quote::ToTokens;
use syn::{Expr, ExprLit, Lit, LitInt};

use crate::diagnose::Diagnosis;
use crate::parse::{Opt, Value, milliseconds};

/// The most that `attempts` and `retry` may be.
const MOST: u8 = 10;

/// What to underline: the value if there is one, else the name.
pub fn place(option: &Opt) -> &dyn ToTokens {
    match &option.value {
        Value::Absent => &option.name,
        Value::Is(expr) => expr,
        Value::List(group) => group,
    }
}

/// The number that is the value, if it has no type suffix.
fn integer(value: &Value) -> Option<&LitInt> {
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

/// How often: the number that is the value.
pub fn number(option: &Opt, diagnosis: &mut Diagnosis) -> Option<u8> {
    let name = &option.name;
    let wrong = format!("`{name}` is a number from 1 to {MOST}: `{name} = 2`");
    let Some(literal) = integer(&option.value) else {
        diagnosis.mistake(place(option), wrong);
        return None;
    };
    let number = literal.base10_parse().ok();
    if !number.is_some_and(|number| (1..=MOST).contains(&number)) {
        diagnosis.mistake(literal, wrong);
        return None;
    }
    number
}

/// The duration that is the value, in milliseconds: a string with units, or a number of seconds.
pub fn duration(value: &Value) -> Option<u64> {
    match (text(value), integer(value)) {
        (Some(text), _) => milliseconds(&text.value()),
        (None, Some(seconds)) => seconds.base10_parse::<u64>().ok()?.checked_mul(1_000),
        (None, None) => None,
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
