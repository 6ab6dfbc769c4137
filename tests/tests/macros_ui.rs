//! `#[repository]` and the derives: what compiles, and what is said about what does not.
//!
//! One fault a file, named by the fault. `TRYBUILD=overwrite cargo test -p manifold-tests --test
//! macros_ui` writes the messages anew; read them before they are committed.

#[test]
fn every_mistake_has_its_message() {
    trybuild::TestCases::new().compile_fail("ui/macros/fail/*.rs");
}

// A run of its own: trybuild checks failing cases all at once only where none has to pass.
#[test]
fn what_is_no_mistake_compiles() {
    trybuild::TestCases::new().pass("ui/macros/pass/*.rs");
}
