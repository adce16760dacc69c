//! Reads any text as TOML.
#![no_main]

use deploykit_core::spec::file::{Format, parse};
use libfuzzer_sys::fuzz_target;

mod properties;

fuzz_target!(|text: &str| properties::check(parse(text, "fuzz.toml", Format::Toml)));
