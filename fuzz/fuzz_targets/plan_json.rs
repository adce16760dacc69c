//! Reads any text as a saved plan; what is read is written and read again, and shown in every way.
#![no_main]

use deploykit_core::plan::Plan;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let Ok(plan) = Plan::from_json(text) else { return };
    let written = plan.to_json();
    assert_eq!(Plan::from_json(&written).expect("what was written"), plan);
    let _ = plan.to_string();
});
