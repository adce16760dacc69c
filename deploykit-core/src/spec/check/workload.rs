use std::collections::BTreeMap;

use super::Found;
use crate::name::VarName;
use crate::spec::text::one_line;
use crate::spec::{EnvValue, FileSpec, Resources, SecretSource, ServiceSpec};
use crate::units::{Cpu, Memory};

/// What Linux takes in one variable, its name included.
const LONGEST_VALUE: usize = 128 << 10;
/// The most that a file of a spec may hold.
pub(in crate::spec) const LONGEST_FILE: usize = 1 << 20;
const LONGEST_PATH: usize = 4_095;
const LEAST_MEMORY: Memory = Memory::from_bytes(4 << 20);

pub(super) fn check(spec: &ServiceSpec, found: &mut Found<'_>) {
    check_resources(spec.resources, found);
    for (name, value) in &spec.env {
        check_value(name, value, found);
    }
    for (name, source) in &spec.secrets {
        let path = format!("secrets.{name}");
        if spec.env.contains_key(name) {
            found.add(&path, "`env` has a variable of this name too", "keep one of the two");
        }
        check_source(&path, source, found);
    }
    check_files(&spec.files, found);
}

fn check_resources(resources: Resources, found: &mut Found<'_>) {
    if resources.cpu == Some(Cpu::from_millis(0)) {
        let hint = "write at least 1m, a thousandth of a core, or take the field out for no limit";
        found.add("resources.cpu", "nothing runs without processor time", hint);
    }
    if let Some(memory) = resources.memory.filter(|memory| *memory < LEAST_MEMORY) {
        let hint = "check the unit: a number alone is in bytes, 256Mi are 256 mebibytes";
        found.add("resources.memory", format!("hardly a program runs in {} bytes", memory.as_bytes()), hint);
    }
    if resources.pids == Some(0) {
        found.add(
            "resources.pids",
            "an instance is a process itself",
            "write at least 1, or take the field out for no limit",
        );
    }
}

fn check_value(name: &VarName, value: &EnvValue, found: &mut Found<'_>) {
    let EnvValue::Text(text) = value else { return };
    let path = format!("env.{name}");
    if text.len() + name.as_str().len() + 2 > LONGEST_VALUE {
        let message =
            format!("a variable holds at most {} KiB, this one {}", LONGEST_VALUE >> 10, text.len().div_ceil(1024));
        found.add(&path, message, "put long texts into `files`");
    }
    found.no_nul(&path, text);
}

fn check_source(path: &str, source: &SecretSource, found: &mut Found<'_>) {
    match source {
        SecretSource::Env(name) => {
            if VarName::new(name).is_err() {
                let hint = "write the name of a variable of the deploying process, like `DB_PASSWORD`";
                found.add(format!("{path}.env"), "this is not the name of an environment variable", hint);
            }
        }
        SecretSource::File(file) => found.text(&format!("{path}.file"), file, "path"),
        SecretSource::Command(command) => found.command(&format!("{path}.command"), command),
        SecretSource::Kubernetes { secret, key } => {
            let is_part = |part: &str| {
                !part.is_empty()
                    && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
                    && !part.starts_with('-')
                    && !part.ends_with('-')
            };
            if secret.len() > 253 || !secret.split('.').all(is_part) {
                let hint = "write the name of a Secret, like `db-credentials`";
                found.add(format!("{path}.kubernetes.secret"), "this is not the name of a Secret", hint);
            }
            let is_key = |b: u8| b.is_ascii_alphanumeric() || b"-._".contains(&b);
            if !(1..=253).contains(&key.len()) || !key.bytes().all(is_key) {
                let hint = "a key has letters, digits, `-`, `.` and `_`, like `password`";
                found.add(format!("{path}.kubernetes.key"), "this is not a key of a Secret", hint);
            }
        }
        SecretSource::Aws(arn) => {
            let mut parts = arn.splitn(6, ':');
            let (prefix, _, service) = (parts.next(), parts.next(), parts.next());
            let whole = parts.nth(2).is_some_and(|resource| !resource.is_empty());
            if prefix != Some("arn") || !matches!(service, Some("secretsmanager" | "ssm")) || !whole {
                let hint =
                    "write the whole ARN, like `arn:aws:secretsmanager:eu-central-1:123456789012:secret:db-AbCdEf`";
                found.add(
                    format!("{path}.aws"),
                    "this is not the ARN of a Secrets Manager secret or an SSM parameter",
                    hint,
                );
            }
        }
    }
}

fn check_files(files: &BTreeMap<String, FileSpec>, found: &mut Found<'_>) {
    let mut normal: BTreeMap<Vec<&str>, &str> = BTreeMap::new();
    for (path, file) in files {
        let field = format!("files.{path}");
        match normal_form(path) {
            Err((message, hint)) => found.add(&field, message, hint),
            Ok(form) => {
                if let Some(other) = normal.insert(form, path) {
                    found.add(&field, format!("`{}` is the same file", one_line(other)), "keep one of the two");
                }
            }
        }
        check_file(&field, file, found);
    }
    // What is below a path follows it in this order.
    let mut above: Vec<(&[&str], &str)> = Vec::new();
    for (parts, path) in &normal {
        while above.last().is_some_and(|(last, _)| !parts.starts_with(last)) {
            above.pop();
        }
        if let Some((_, file)) = above.last() {
            let message = format!("`{}` is a file, so nothing can be below it", one_line(file));
            found.add(format!("files.{path}"), message, "give one of the two another path");
        }
        above.push((parts, path));
    }
}

/// The parts of an absolute path, by which two ways to write it are seen to be one.
fn normal_form(path: &str) -> Result<Vec<&str>, (&'static str, &'static str)> {
    if !path.starts_with('/') {
        return Err(("this is not an absolute path", "begin with `/`: where an instance finds the file"));
    }
    if path.contains('\0') {
        return Err(("there is a NUL character in it", "take it out"));
    }
    if path.len() > LONGEST_PATH {
        return Err(("this path is longer than any system takes", "write one of at most 4095 bytes"));
    }
    if path.ends_with('/') {
        return Err(("this is a folder's path", "write the file's name too"));
    }
    if path.split('/').any(|part| part == "." || part == "..") {
        return Err(("a path with `.` or `..` in it", "write the path that is meant"));
    }
    Ok(path.split('/').filter(|part| !part.is_empty()).collect())
}

fn check_file(path: &str, file: &FileSpec, found: &mut Found<'_>) {
    let hint = "keep `content` for the text itself, or `from` for a file to take it from";
    match (&file.content, &file.from) {
        (None, None) => found.add(path, "neither `content` nor `from` is given", hint),
        (Some(_), Some(_)) => found.add(path, "`content` and `from` are both given", hint),
        (None, Some(from)) => found.text(&format!("{path}.from"), from, "path"),
        (Some(content), None) if content.len() > LONGEST_FILE => {
            let message =
                format!("a file holds at most {} KiB, this one {}", LONGEST_FILE >> 10, content.len().div_ceil(1024));
            found.add(format!("{path}.content"), message, "put it into the artifact");
        }
        (Some(_), None) => {}
    }
    if !matches!(file.mode.len(), 3 | 4) || !file.mode.bytes().all(|b| matches!(b, b'0'..=b'7')) {
        let message = format!("`{}` is not a mode", file.mode.chars().take(40).collect::<String>().escape_debug());
        found.add(format!("{path}.mode"), message, "write 3 or 4 octal digits in quotes, like \"0644\"");
    }
}
