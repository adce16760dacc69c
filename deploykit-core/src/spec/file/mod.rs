//! Specs as people write them: YAML, JSON and TOML files.
//!
//! A YAML file holds one or more documents, a service each; a JSON file a service or a list of services; a TOML file one
//! service. A file has at most 4 MiB, 100,000 values and 64 levels of nesting. Every problem of every file is reported
//! at once, with its line and column.
//!
//! ```
//! use deploykit_core::spec::file::{Format, parse};
//!
//! let error = parse("service: orders\nreplica: 3\n", "orders.yaml", Format::Yaml).unwrap_err();
//! assert_eq!(
//!     error.to_string(),
//!     "orders.yaml:1:1: orders: the field `artifact` is missing\n\
//!      orders.yaml:2:1: orders: unknown field `replica`; did you mean `replicas`?"
//! );
//! ```

mod de;
mod document;
mod error;
mod json;
mod load;
mod node;
mod resolve;
mod scalar;
mod sources;
mod toml;
mod words;
mod yaml;

pub use load::{Format, load, load_with_sources, parse};
pub use sources::Sources;
