//! The schema says what the reader takes.
#![cfg(all(feature = "schema", feature = "files"))]

#[test]
fn the_schema() {
    insta::assert_json_snapshot!(deploykit_core::spec::schema());
}
