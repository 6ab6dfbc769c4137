//! What a `ReadConn` refuses, it refuses at compile time and in words that say what to do.
//!
//! Each file below `ui/wall/fail` holds one fault, and beside it stands what the compiler says. The
//! words are those of one compiler version; after an update of it, or of diesel, read them again
//! before taking them over:
//!
//! ```text
//! TRYBUILD=overwrite cargo test -p manifold-tests --test wall_ui
//! ```

#[test]
fn a_read_only_connection_refuses_at_compile_time_what_may_write() {
    trybuild::TestCases::new().compile_fail("ui/wall/fail/*.rs");
}

// A run of its own: trybuild checks failing cases all at once only where none has to pass.
#[test]
fn what_only_reads_compiles() {
    trybuild::TestCases::new().pass("ui/wall/pass/*.rs");
}
