//! `#[cacheable(version = N)]`, on a type or on a field.

use syn::{Attribute, LitInt, Meta};

use crate::diagnose::Diagnosis;
use crate::parse::{Opt, Options, Value};

const FORM: &str =
    "`#[cacheable(..)]` declares the version of a shape: `#[cacheable(version = 1)]`";

/// The declared version.
pub fn version(attrs: &[Attribute], diagnosis: &mut Diagnosis) -> Option<LitInt> {
    let mut version: Option<LitInt> = None;
    for attr in ours(attrs) {
        let Meta::List(list) = &attr.meta else {
            diagnosis.mistake(attr, FORM);
            continue;
        };
        let options = Options::parse(list.tokens.clone());
        if options.list.is_empty() && options.mistakes.is_empty() {
            diagnosis.mistake(attr, FORM);
        }
        for mistake in options.mistakes {
            diagnosis.note(mistake);
        }
        for option in options.list {
            let found = number(&option, diagnosis);
            if version.is_some() {
                diagnosis.mistake(&option.name, "`version` is given twice");
            }
            version = version.or(found);
        }
    }
    version
}

/// A variant has no version: its type or its fields have.
pub fn refuse(attrs: &[Attribute], diagnosis: &mut Diagnosis) {
    for attr in ours(attrs) {
        diagnosis.mistake(
            attr,
            "a version belongs to the whole type or to a field: move this above the `enum` or into the \
             variant",
        );
    }
}

fn ours(attrs: &[Attribute]) -> impl Iterator<Item = &Attribute> {
    attrs
        .iter()
        .filter(|attr| attr.path().is_ident("cacheable"))
}

fn number(option: &Opt, diagnosis: &mut Diagnosis) -> Option<LitInt> {
    if option.name != "version" {
        let name = &option.name;
        diagnosis.mistake(
            name,
            format!("`#[cacheable]` has no option `{name}`; it has `version`"),
        );
        return None;
    }
    let wrong = "`version` is a whole number that you raise when the shape changes: `version = 1`";
    let Value::Is(expr) = &option.value else {
        diagnosis.mistake(&option.name, wrong);
        return None;
    };
    match syn::parse2::<LitInt>(quote::ToTokens::to_token_stream(expr)) {
        Ok(number) if number.suffix().is_empty() && number.base10_parse::<u64>().is_ok() => {
            Some(number)
        }
        _ => {
            diagnosis.mistake(expr, wrong);
            None
        }
    }
}
