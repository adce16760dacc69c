//! What people read when a spec is wrong: each file of `bad_specs/` beside its problems, in one snapshot.
#![cfg(feature = "files")]

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use deploykit_core::spec::file::{Format, load};

#[test]
fn every_bad_spec_says_where_what_and_what_to_do() {
    let folder = "tests/bad_specs/";
    let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| Format::of_path(path).is_some());
    paths.sort();
    assert!(paths.len() >= 45, "only {} bad specs were found", paths.len());
    let mut all = String::new();
    for path in paths {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let error = load(&[&path]).map(|specs| panic!("{name} was taken: {specs:?}")).unwrap_err();
        let input = fs::read_to_string(&path).unwrap();
        let _ = write!(all, "━━━ {name}\n{}\n", input.trim_end());
        let _ = write!(all, "───\n{}\n\n", error.to_string().replace(folder, ""));
    }
    insta::assert_snapshot!("bad_specs", all);
}

#[test]
fn a_secret_written_in_the_clear_is_not_repeated() {
    for file in ["value-secret-in-clear.yaml", "value-secrets-in-clear.yaml", "value-secret-misnamed.yaml"] {
        let path = format!("tests/bad_specs/{file}");
        assert!(fs::read_to_string(&path).unwrap().contains("hunter2"), "{file} has no secret");
        let error = load(&[&path]).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("hunter2"), "{file}: {error}");
    }
}

#[test]
fn a_file_that_cannot_be_read_is_a_problem_like_any_other() {
    let paths = ["tests/bad_specs/none.yaml", "tests/bad_specs/latin1.bin", "tests/bad_specs", "tests/bad_specs.rs"];
    let error = load(&paths.map(Path::new)).unwrap_err();
    insta::assert_snapshot!(error, @r"
    cannot read tests/bad_specs/none.yaml: there is no such file; check the path
    cannot tell the format of tests/bad_specs/latin1.bin; name it .yaml, .yml, .json or .toml
    cannot tell the format of tests/bad_specs; name it .yaml, .yml, .json or .toml
    cannot tell the format of tests/bad_specs.rs; name it .yaml, .yml, .json or .toml
    ");
}
