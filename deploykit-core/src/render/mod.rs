//! Plans in words: text for people, Markdown for a pull request, a diagram.
//!
//! All of it is deterministic: the same plan gives the same text. Values in a plan may come from anybody, so what would
//! change a terminal, a table or a page is escaped.

mod fold;
mod headline;
mod markdown;
mod mermaid;
mod outline;
mod paint;
mod step;
mod summary;
mod table;
mod text;
mod value;
mod wait;

pub use text::TextOptions;
