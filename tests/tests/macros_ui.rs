//! `#[repository]` and the derives: what compiles, and what is said about what does not.
//!
//! One fault a file, named by the fault. `TRYBUILD=overwrite cargo test -p manifold-tests --test
//! macros_ui` writes the messages anew; read them before they are committed.

#[test]
fn every_mistake_has_its_message_and_everything_else_compiles() {
    let cases = trybuild::TestCases::new();
    cases.pass("ui/macros/pass/*.rs");
    cases.compile_fail("ui/macros/fail/*.rs");
}
