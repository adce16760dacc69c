//! What the README shows is what is there. Its Rust blocks are documentation tests of this crate.
#![expect(clippy::unwrap_used, reason = "a test that fails may panic")]

use std::path::{Path, PathBuf};

use deploykit_core::spec::ServiceSpec;
use deploykit_core::spec::file::{Format, load, parse};
use deploykit_testkit::plan_change;

const README: &str = include_str!("../../README.md");

fn ftgo(version: &str) -> ServiceSpec {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("ftgo");
    load(&[folder.join(version).join("restaurant-service.yaml")]).unwrap().remove(0)
}

/// The texts of all blocks of this language.
fn blocks(language: &str) -> Vec<&'static str> {
    let begin = format!("```{language}\n");
    README.split(&begin).skip(1).map(|rest| rest.split_once("```").unwrap().0).collect()
}

#[test]
fn every_spec_is_one() {
    let blocks = blocks("yaml");
    assert_eq!(blocks.len(), 5);
    for block in blocks {
        let minimal = "service: orders\nartifact: {image: {reference: \"registry.example/orders:1\"}}\n";
        let text = if block.starts_with("service:") { block.to_owned() } else { format!("{minimal}{block}") };
        parse(&text, "README.md", Format::Yaml).unwrap();
    }
}

#[test]
fn the_spec_is_the_one_of_the_quickstart() {
    let spec = parse(blocks("yaml")[0], "README.md", Format::Yaml).unwrap().remove(0);
    assert_eq!(spec, ftgo("v1"));
}

#[test]
fn the_plan_is_the_real_one() {
    let plan = plan_change([ftgo("v1")], [ftgo("v2")]).unwrap().to_string();
    assert!(README.contains(&plan), "the README should show:\n{plan}");
}

#[test]
fn every_file_it_names_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let links = README.split("](").skip(1).filter_map(|rest| Some(rest.split_once(')')?.0));
    let files: Vec<_> = links.filter(|link| !link.starts_with('#') && !link.contains("://")).collect();
    assert!(files.len() > 5, "{files:?}");
    for file in files {
        assert!(root.join(file).exists(), "the README links to {file}, which is not there");
    }
}

#[test]
fn every_test_it_names_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut sources = String::new();
    for folder in ["deploykit-core/tests", "deploykit-core/src/conformance", "deploykit-testkit/tests"] {
        read_all(&root.join(folder), &mut sources);
    }
    let (_, section) = README.split_once("## What is guaranteed").unwrap();
    let names = section.split('`').skip(1).step_by(2);
    let names: Vec<_> = names.filter(|name| name.matches('_').count() >= 2 && !name.contains(['.', '/'])).collect();
    assert!(names.len() > 6, "{names:?}");
    for name in names {
        assert!(sources.contains(name), "the README names the test {name}, which is not there");
    }
}

fn read_all(folder: &Path, into: &mut String) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            read_all(&path, into);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            into.push_str(&std::fs::read_to_string(&path).unwrap());
        }
    }
}
