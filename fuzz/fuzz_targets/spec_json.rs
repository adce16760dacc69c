//! Reads any text as JSON, and takes nothing that another reader of JSON refuses.
#![no_main]

use deploykit_core::spec::file::{Format, parse};
use libfuzzer_sys::fuzz_target;

mod properties;

fuzz_target!(|text: &str| {
    let read = parse(text, "fuzz.json", Format::Json);
    if read.is_ok() {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        assert!(serde_json::from_str::<serde_json::Value>(text).is_ok(), "this is not JSON");
    }
    properties::check(read);
});
