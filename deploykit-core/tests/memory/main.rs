//! The target in memory.
#![expect(clippy::unwrap_used, reason = "a test that fails may panic")]

mod faults;
mod file;
mod oracle;
mod support;
mod target;
