//! The suite on the target in memory in all its variants, and on targets that are wrong on purpose.
#![cfg(feature = "conformance")]

mod flaws;
mod memory;
mod wrong;
