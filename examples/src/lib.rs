//! The examples of deploykit; they stand beside this folder, a file each.
//!
//! This library has nothing in it but the documentation tests: each Rust block of the README is one.

/// The README, for its documentation tests.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
pub struct Readme;
