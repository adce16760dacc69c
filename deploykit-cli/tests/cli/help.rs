//! What the program says of itself.

use super::support::{Folder, Ran};

const VERBS: [&str; 13] = [
    "validate",
    "schema",
    "plan",
    "apply",
    "status",
    "history",
    "rollback",
    "promote",
    "remove",
    "logs",
    "watch",
    "keygen",
    "completions",
];

#[test]
fn every_verb_has_help() {
    let folder = Folder::new();
    let mut pages = vec![folder.run(&["--help"]).exits(0).quietly().out];
    pages.extend(VERBS.iter().map(|verb| folder.run(&[verb, "-h"]).exits(0).quietly().out));
    insta::assert_snapshot!(pages.join("\n----------------------------------------\n"));
}

#[test]
fn what_makes_no_sense_is_64() {
    let folder = Folder::with_orders(1);
    for arguments in [
        &[][..],
        &["deploy"],
        &["apply", "--no-such"],
        &["apply", "plan.json", "-f", "orders.yaml"],
        &["apply", "-f", "orders.yaml", "--yes", "--dry-run"],
        &["plan", "-f", "orders.yaml"],
        &["plan", "--target", "memory:"],
        &["plan", "-f", "orders.yaml", "--target", "docker:"],
        &["plan", "-f", "orders.yaml", "--target", "memory:", "--target", "memory:"],
        &["plan", "-f", "orders.yaml", "--target", "memory:", "--service", "menu"],
        &["remove", "--target", "memory:"],
        &["status", "--target", "memory:", "Orders"],
        &["watch", "--target", "memory:", "--interval", "soon"],
        &["rollback", "--target", "memory:", "--yes"],
    ] {
        let ran = folder.run(arguments).exits(64);
        assert!(ran.out.is_empty() && !ran.err.is_empty(), "{arguments:?}: {ran:#?}");
    }
}

#[test]
fn errors_say_what_to_do() {
    let folder = Folder::with_orders(1);
    let err = |arguments: &[&str]| folder.run(arguments).err;
    insta::assert_snapshot!(err(&["plan", "-f", "orders.yaml"]), @r"
    error: there is no target
    hint: give one with --target; there are: memory:..
    ");
    insta::assert_snapshot!(err(&["plan", "-f", "orders.yaml", "--target", "docker:"]), @r"
    error: there is no target `docker:`
    hint: there are: memory:..
    ");
    insta::assert_snapshot!(err(&["plan", "--target", "memory:"]), @r"
    error: there are no services to deploy
    hint: name spec files with --file
    ");
    insta::assert_snapshot!(err(&["plan", "-f", "orders.yaml", "--target", "memory:", "--target", "memory:"]), @r"
    error: there are two targets of the name memory
    hint: give one of them another name: --target NAME=memory:
    ");
    insta::assert_snapshot!(err(&["plan", "-f", "orders.yaml", "--target", "memory:?fast"]), @"error: cannot open the target `memory:?fast`: there is no option `fast`; there are: start_time, stop_time, latency, never_ready, exits");
    insta::assert_snapshot!(err(&["plan", "-f", "orders.yaml", "--target", "memory:orders.yaml"]), @"error: cannot open the target `memory:orders.yaml`: orders.yaml is not the file of a target in memory and is left as it is: expected value at line 1 column 1");
    insta::assert_snapshot!(err(&["plan", "-f", "none.yaml", "--target", "memory:"]), @r"
    error: the specs cannot be used:
    cannot read none.yaml: there is no such file; check the path
    ");
    insta::assert_snapshot!(err(&["status", "orders", "--target", "memory:"]), @"error: there is no service orders on memory");
    insta::assert_snapshot!(err(&["logs", "orders", "--target", "memory:"]), @r"
    error: there is no service or instance orders
    hint: there are no services
    ");
    insta::assert_snapshot!(err(&["rollback", "--target", "memory:"]), @r"
    error: it is not said which service to roll back
    hint: there are none
    ");
    insta::assert_snapshot!(err(&["apply", "none.json", "--target", "memory:"]), @"error: none.json: cannot read it: No such file or directory (os error 2)");
}

#[test]
fn shells_can_complete() {
    let folder = Folder::new();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = folder.run(&["completions", shell]).exits(0).quietly().out;
        for verb in VERBS {
            assert!(script.contains(verb), "{shell} does not know {verb}");
        }
    }
}

#[test]
#[cfg(unix)]
fn bash_takes_the_completions() {
    let folder = Folder::new();
    let script = folder.run(&["completions", "bash"]).exits(0).out;
    folder.write("completions.bash", &script);
    let complete = "source ./completions.bash; COMP_WORDS=(deploykit roll); COMP_CWORD=1; \
                    _deploykit deploykit roll deploykit; echo \"${COMPREPLY[@]}\"";
    let mut bash = std::process::Command::new("bash");
    let ran = Ran::of(bash.args(["--norc", "-c", complete]).current_dir(folder.path("")));
    assert_eq!(ran.out.trim(), "rollback", "{ran:#?}");
}

#[test]
fn the_version_is_told() {
    let ran = Folder::new().run(&["--version"]).exits(0);
    assert_eq!(ran.out, concat!("deploykit ", env!("CARGO_PKG_VERSION"), "\n"));
}

#[test]
fn colours_are_for_terminals_unless_asked_for() {
    let folder = Folder::with_orders(1);
    let plan = |more: &[&str], no_color: bool| {
        let mut command = folder.command(&[&["plan", "-f", "orders.yaml", "--target", "memory:"], more].concat());
        if no_color {
            command.env("NO_COLOR", "1");
        }
        Ran::of(&mut command).exits(0).out.contains('\u{1b}')
    };
    assert!(!plan(&[], false));
    assert!(plan(&["--color", "always"], false));
    assert!(plan(&["--color", "always"], true), "what is asked for counts more than the environment");
    assert!(!plan(&["--color", "never"], false));
}
