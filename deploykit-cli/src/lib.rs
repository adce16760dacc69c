//! A whole command line for a deploy script.

pub mod progress;
