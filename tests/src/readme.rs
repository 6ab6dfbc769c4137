//! README.md's code, compiled.

#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
