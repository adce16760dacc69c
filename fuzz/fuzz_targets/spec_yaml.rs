//! Reads any text as YAML.
#![no_main]

use deploykit_core::spec::file::{Format, parse};
use libfuzzer_sys::fuzz_target;

mod properties;

fuzz_target!(|text: &str| properties::check(parse(text, "fuzz.yaml", Format::Yaml)));
