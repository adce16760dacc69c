//! Files as long and as bad as they may be end in a few problems, soon and within little memory and stack.
#![cfg(feature = "files")]

use std::fmt::Write as _;

use deploykit_core::spec::file::{Format, parse};

const LONGEST: usize = 4 << 20;

/// The text as often as it fits into a file, after a beginning.
fn filled(begin: &str, text: &str) -> String {
    let count = (LONGEST - begin.len()) / text.len();
    format!("{begin}{}", text.repeat(count))
}

/// A line for each number, as often as there may be values.
fn numbered(begin: &str, count: usize, end: &str, line: impl Fn(usize) -> String) -> String {
    let text = (0..count).fold(begin.to_owned(), |mut text, number| {
        let _ = write!(text, "{}", line(number));
        text
    });
    text + end
}

#[test]
fn hostile_files_end_in_a_few_problems() {
    const SPEC: &str = r#"{"service": "a", "artifact": {"image": {"reference": "a"}}, "#;
    let services = |service: &str| filled("[{}", &format!(", {service}")) + "]";
    for (most, format, text) in [
        (1, Format::Yaml, filled("", "- ")),
        (1, Format::Yaml, filled("", "[")),
        (1, Format::Yaml, filled("", "? ")),
        (1, Format::Yaml, filled("[", "a,")),
        (1, Format::Yaml, format!("[{}", "a,".repeat(500_000))),
        (51, Format::Yaml, filled("", "a: 1\n")),
        (210, Format::Yaml, filled("", "---\na: 1\n")),
        (1, Format::Yaml, numbered("", 60_000, "", |number| format!("- &a{number} x\n- *a{number}\n"))),
        (1, Format::Json, filled("", "[")),
        (1, Format::Json, filled("", r#"{"a":"#)),
        (1, Format::Json, filled("[[]", ",[]") + "]"),
        (51, Format::Json, filled(r#"{"a":1"#, r#","a":1"#) + "}"),
        (1, Format::Json, services("{\"a\":1}")),
        (51, Format::Json, numbered("{", 60_000, r#""z":1}"#, |number| format!(r#""k{number}":{number},"#))),
        (
            51,
            Format::Json,
            numbered(&format!("{SPEC}\"ports\":{{"), 40_000, r#""z":{"port":0}}}"#, |number| {
                format!(r#""k{number}":{{"port":0}},"#)
            }),
        ),
        (
            51,
            Format::Json,
            numbered(&format!("{SPEC}\"files\":{{"), 2_000, r#""/z":{"content":""}}}"#, |number| {
                format!(r#""/{number}/{}x":{{}},"#, "a/".repeat(900))
            }),
        ),
        (200, Format::Json, format!("[{}{SPEC}\"history\":1}}]", format!("{SPEC}\"history\":1}},").repeat(12_000))),
        (402, Format::Json, format!("[{}{SPEC}\"history\":0}}]", format!("{SPEC}\"history\":0}},").repeat(12_000))),
        (1, Format::Toml, filled("", "a=1\n")),
        (1, Format::Toml, filled("", "=")),
        (1, Format::Toml, filled("a=", "[")),
        (1, Format::Toml, filled("a=", "{b=")),
        (1, Format::Toml, filled("", "a.")),
        (1, Format::Toml, filled("", "[[a.b]]\n[[a.b.c]]\n")),
    ] {
        let begin: String = text.chars().take(60).collect();
        let error = parse(&text, "long", format).expect_err(&begin);
        let found = error.problems().len();
        assert!((1..=most).contains(&found), "{found} problems of {begin}");
        assert!(error.problems().iter().all(|problem| problem.to_string().len() < 2000), "{begin}");
    }
}

#[test]
fn a_file_of_more_than_4_mib_is_refused_before_it_is_read() {
    let error = parse(&" ".repeat(LONGEST + 1), "long.yaml", Format::Yaml).unwrap_err();
    insta::assert_snapshot!(error, @"cannot read long.yaml: it is longer than 4096 KiB; split it into several files");
}

/// A service with as many variables as fit, to see that the limits are far from what people write.
#[test]
fn a_large_service_is_taken() {
    let begin = "service: a\nartifact: {image: {reference: a}}\nenv:\n";
    let text = numbered(begin, 40_000, "", |number| format!("  VARIABLE_{number}: the value of variable {number}\n"));
    let specs = parse(&text, "large.yaml", Format::Yaml).map_err(|error| error.to_string());
    assert_eq!(specs.map(|specs| specs[0].env.len()), Ok(40_000));
    let begin = String::new();
    let text = numbered(&begin, 10_000, "", |number| {
        format!(
            "---\nservice: s{number}\nartifact: {{image: {{reference: a}}}}\ndepends_on: [s{}]\n",
            (number + 1).min(9_999)
        )
    });
    let error = parse(&text, "many.yaml", Format::Yaml).unwrap_err();
    assert_eq!(error.problems().len(), 1, "only the last depends on itself: {error}");
}
