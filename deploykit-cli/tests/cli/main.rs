//! The program as people and scripts run it.
#![expect(clippy::unwrap_used, reason = "a test that fails may panic")]

mod carry;
mod cut;
mod help;
mod look;
mod plans;
mod support;
