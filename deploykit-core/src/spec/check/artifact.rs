use super::Found;
use crate::spec::{Artifact, BuildCommand, FunctionArtifact, ImageArtifact, JarArtifact};

pub(super) fn check(artifact: &Artifact, found: &mut Found<'_>) {
    match artifact {
        Artifact::Image(image) => check_image(image, found),
        Artifact::Jar(jar) => check_jar(jar, found),
        Artifact::War(war) => {
            found.text("artifact.war.path", &war.path, "path");
            if !is_url_path(&war.context) {
                let message = "a context path begins with `/` and has no spaces";
                found.add("artifact.war.context", message, "write it like `/orders`, or `/` for the root");
            }
            check_build("artifact.war.build", war.build.as_ref(), found);
        }
        Artifact::Machine(machine) => {
            found.text("artifact.machine.image", &machine.image, "image");
            check_build("artifact.machine.build", machine.build.as_ref(), found);
        }
        Artifact::Function(function) => check_function(function, found),
    }
}

/// Whether a text can stand as a path in a request.
pub(super) fn is_url_path(text: &str) -> bool {
    text.starts_with('/') && !text.contains(|c: char| c.is_whitespace() || c.is_control())
}

fn check_image(image: &ImageArtifact, found: &mut Found<'_>) {
    check_reference("artifact.image.reference", &image.reference, found);
    let Some(build) = &image.build else { return };
    if image.reference.contains('@') {
        let hint = "take the `@sha256:..` away; the digest is known once the image is built";
        found.add("artifact.image.reference", "an image that is still to be built has no digest", hint);
    }
    found.text("artifact.image.build.context", &build.context, "context");
    found.text("artifact.image.build.dockerfile", &build.dockerfile, "path");
    for (name, value) in &build.args {
        let path = format!("artifact.image.build.args.{name}");
        if name.is_empty() || name.contains(['=', '\0']) || name.contains(char::is_whitespace) {
            let hint = "write the name of an `ARG` of the Dockerfile";
            found.add(&path, "a build argument's name is not empty and has no `=` or spaces", hint);
        }
        found.no_nul(&path, value);
    }
    if let Some(target) = &build.target {
        found.text("artifact.image.build.target", target, "stage");
    }
}

fn check_jar(jar: &JarArtifact, found: &mut Found<'_>) {
    found.text("artifact.jar.path", &jar.path, "path");
    if let Some(java) = &jar.java
        && !is_java_requirement(java)
    {
        let message = format!("`{}` does not say which versions of Java are meant", java.escape_debug());
        found.add("artifact.jar.java", message, "write it like `21`, `>=17` or `>=17, <22`");
    }
    for (name, words) in [("jvm_args", &jar.jvm_args), ("args", &jar.args)] {
        for (index, word) in words.iter().enumerate() {
            found.no_nul(&format!("artifact.jar.{name}[{index}]"), word);
        }
    }
    check_build("artifact.jar.build", jar.build.as_ref(), found);
}

fn check_function(function: &FunctionArtifact, found: &mut Found<'_>) {
    let hint = "keep `zip` for a packed program, or `image` for a container image";
    match (&function.zip, &function.image) {
        (None, None) => found.add("artifact.function", "neither `zip` nor `image` is given", hint),
        (Some(_), Some(_)) => found.add("artifact.function", "`zip` and `image` are both given", hint),
        (Some(zip), None) => {
            found.text("artifact.function.zip", zip, "path");
            let needs =
                [("handler", &function.handler, "bootstrap"), ("runtime", &function.runtime, "provided.al2023")];
            for (name, value, example) in needs {
                if value.as_deref().is_none_or(str::is_empty) {
                    let message = format!("a zip needs a {name}");
                    let hint = format!("write one like `{example}`; which depends on the language");
                    found.add(format!("artifact.function.{name}"), message, hint);
                }
            }
        }
        (None, Some(image)) => {
            check_reference("artifact.function.image", image, found);
            for (name, given) in [
                ("handler", function.handler.is_some()),
                ("runtime", function.runtime.is_some()),
                ("build", function.build.is_some()),
            ] {
                if given {
                    let hint = "take it out; the image brings its own";
                    found.add(
                        format!("artifact.function.{name}"),
                        format!("`{name}` belongs to a zip, not to an image"),
                        hint,
                    );
                }
            }
        }
    }
    check_build("artifact.function.build", function.build.as_ref(), found);
}

fn check_build(path: &str, build: Option<&BuildCommand>, found: &mut Found<'_>) {
    let Some(build) = build else { return };
    found.command(&format!("{path}.command"), &build.command);
    if let Some(directory) = &build.directory {
        found.text(&format!("{path}.directory"), directory, "folder");
    }
}

/// `17`, `>=17`, `>=17, <22`.
fn is_java_requirement(text: &str) -> bool {
    text.split(',').all(|part| {
        let part = part.trim();
        let operators = [">=", "<=", ">", "<", "="];
        let version = operators.iter().find_map(|operator| part.strip_prefix(operator)).unwrap_or(part).trim_start();
        version.split('.').all(|number| (1..=4).contains(&number.len()) && number.bytes().all(|b| b.is_ascii_digit()))
    })
}

fn check_reference(path: &str, reference: &str, found: &mut Found<'_>) {
    if let Some((message, hint)) = reference_fault(reference) {
        found.add(path, message, hint);
    }
}

/// What is wrong with an image's reference: `[registry[:port]/]name[:tag][@digest]`.
fn reference_fault(reference: &str) -> Option<(String, &'static str)> {
    const FORM: &str = "write it like `registry.example/team/name:1.2.0`";
    if reference.is_empty() {
        return Some(("the image's reference is empty".to_owned(), FORM));
    }
    if reference.contains("${") || reference.contains("$(") {
        let hint = "write the tag itself; a program can put one in before the spec is read";
        return Some(("variables in a spec are not filled in".to_owned(), hint));
    }
    if reference.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Some(("an image's reference has no spaces or line ends".to_owned(), "take them out"));
    }
    if reference.contains("://") {
        return Some(("an image's reference is not a URL".to_owned(), "take the scheme, such as `https://`, away"));
    }
    let (name, digest) = reference.split_once('@').map_or((reference, None), |(name, digest)| (name, Some(digest)));
    if let Some(digest) = digest {
        let (algorithm, hex) = digest.split_once(':').unwrap_or_default();
        let is_hex = hex.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        let fits = match algorithm {
            "sha256" => hex.len() == 64,
            "sha512" => hex.len() == 128,
            _ => false,
        };
        if !fits || !is_hex {
            let hint = "a digest is `sha256:` and 64 hexadecimal digits; copy it from the registry";
            return Some((format!("`{digest}` is not a digest"), hint));
        }
    }
    // A colon after the last slash begins a tag; one before it, the registry's port.
    let last = name.rfind('/').map_or(0, |slash| slash + 1);
    let (name, tag) = match name[last..].split_once(':') {
        Some((short, tag)) => (&name[..last + short.len()], Some(tag)),
        None => (name, None),
    };
    if let Some(tag) = tag {
        let begins = tag.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_');
        let holds = tag.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-'));
        if !begins || !holds || tag.len() > 128 {
            return Some((format!("`{tag}` is not a tag"), "a tag has up to 128 letters, digits, `_`, `.` and `-`"));
        }
    }
    let is_registry = |part: &str| part.contains(['.', ':']) || part == "localhost";
    let path = name.split_once('/').filter(|(first, _)| is_registry(first)).map_or(name, |(_, path)| path);
    if path.bytes().any(|b| b.is_ascii_uppercase()) {
        return Some((format!("`{path}` has capital letters"), "write the image's name in lower case"));
    }
    let is_part = |part: &str| {
        let inside = |b: u8| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'-');
        let edge = |b: Option<u8>| b.is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
        part.bytes().all(inside) && edge(part.bytes().next()) && edge(part.bytes().last())
    };
    if !path.split('/').all(is_part) {
        return Some((format!("`{path}` is not an image's name"), FORM));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_as_registries_take_them() {
        let digest = "a".repeat(64);
        for good in [
            "nginx",
            "nginx:1.27",
            "library/nginx",
            "localhost:5000/ftgo/restaurant-service:1.2.0",
            "registry.example/a/b/c_d.e-f:v1",
            "Registry.Example/a:V1",
            "[::1]:5000/a",
            &format!("nginx@sha256:{digest}"),
            &format!("nginx:1@sha256:{digest}"),
        ] {
            assert_eq!(reference_fault(good), None, "{good}");
        }
        for bad in [
            "",
            " nginx",
            "nginx:",
            "nginx:a b",
            "https://x/y",
            "Nginx",
            "a//b",
            "a/",
            "/a",
            "a:-1",
            "a@sha256:12",
            "a@",
            "a:b:c",
            "ftgo/Orders",
        ] {
            assert!(reference_fault(bad).is_some(), "{bad:?} was taken");
        }
    }

    #[test]
    fn java_requirements() {
        for good in ["17", ">=17", ">=17, <22", ">= 17,<22", "11.0.2", "=21"] {
            assert!(is_java_requirement(good), "{good}");
        }
        for bad in ["", ",", "17+", "17 18", ">=", "~17", "java17", "17.", ">=17,", "=>17"] {
            assert!(!is_java_requirement(bad), "{bad:?} was taken");
        }
    }
}
