//! What holds for whatever was read.

use deploykit_core::spec::file::{Format, parse};
use deploykit_core::{Pins, Revision, ServiceSpec, SpecError};

/// Problems are told in a line each; specs are written and read back as they were.
pub fn check(read: Result<Vec<ServiceSpec>, SpecError>) {
    let specs = match read {
        Ok(specs) => specs,
        Err(error) => {
            assert!(!error.problems().is_empty(), "an error without a problem");
            assert_eq!(error.to_string().lines().count(), error.problems().len());
            return;
        }
    };
    for spec in &specs {
        assert!(spec.check().is_ok());
        let _ = Revision::of(spec, &Pins::default());
    }
    let text = serde_json::to_string(&specs).expect("a spec can be written");
    assert_eq!(parse(&text, "again.json", Format::Json).as_deref(), Ok(&specs[..]));
}
