//! Types that a method leaves open, and where that cannot be.

use syn::visit::Visit;
use syn::{GenericParam, Generics, Ident, Signature, TypeImplTrait};

use crate::diagnose::Diagnosis;
use crate::parse::Marked;

/// Refuses what has no place in a cache key: two types would share one entry.
pub fn no_type_parameters(marked: &Marked, diagnosis: &mut Diagnosis) {
    for param in &marked.sig.generics.params {
        if let Some(name) = no_place_in_a_key(param) {
            diagnosis.mistake(
                name,
                format!(
                    "`{name}` has no place in the key of a `#[cached]` method: use a concrete type, and \
                     one method for each"
                ),
            );
        }
    }
    let mut opaque = OpaqueTypes::default();
    for input in &marked.sig.inputs {
        opaque.visit_fn_arg(input);
    }
    for found in opaque.0 {
        diagnosis.mistake(
            found,
            "a type without a name has no place in the key of a `#[cached]` method: use a concrete \
             type, `&str` or `String` for `impl Into<String>`",
        );
    }
}

/// The same for the parameters of the impl.
pub fn no_type_parameters_around(generics: &Generics, diagnosis: &mut Diagnosis, sig: &Signature) {
    if let Some(name) = generics.params.iter().find_map(no_place_in_a_key) {
        diagnosis.mistake(
            &sig.ident,
            format!(
                "`{name}` of this impl has no place in the key of a `#[cached]` method: move the method \
                 to an impl of a concrete type"
            ),
        );
    }
}

fn no_place_in_a_key(param: &GenericParam) -> Option<&Ident> {
    match param {
        GenericParam::Type(param) => Some(&param.ident),
        GenericParam::Const(param) => Some(&param.ident),
        GenericParam::Lifetime(_) => None,
    }
}

/// Finds each `impl Trait`.
#[derive(Default)]
pub struct OpaqueTypes(pub Vec<TypeImplTrait>);

impl<'ast> Visit<'ast> for OpaqueTypes {
    fn visit_type_impl_trait(&mut self, found: &'ast TypeImplTrait) {
        self.0.push(found.clone());
    }
}
