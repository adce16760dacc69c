//! What a spec file names beside itself.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Component, Path, PathBuf};

use crate::spec::{Artifact, BuildCommand, SecretSource, ServiceSpec};

/// Why a file cannot be read, and what to do.
pub(super) struct Unreadable {
    pub(super) why: String,
    pub(super) hint: &'static str,
}

/// The text of a file of at most so many bytes.
pub(super) fn read_text(path: &Path, most: usize) -> Result<String, Unreadable> {
    let failed = |error: io::Error| Unreadable {
        hint: match error.kind() {
            io::ErrorKind::NotFound => "check the path",
            io::ErrorKind::IsADirectory => "name the files in it one by one",
            io::ErrorKind::PermissionDenied => "check who may read it",
            _ => "try again, or check the disk",
        },
        why: match error.kind() {
            io::ErrorKind::NotFound => "there is no such file".to_owned(),
            io::ErrorKind::IsADirectory => "it is a folder".to_owned(),
            _ => error.to_string(),
        },
    };
    let mut bytes = Vec::new();
    // One byte more than is allowed tells a file that is too long.
    let limit = u64::try_from(most).unwrap_or(u64::MAX).saturating_add(1);
    File::open(path).and_then(|file| file.take(limit).read_to_end(&mut bytes)).map_err(failed)?;
    if bytes.len() > most {
        let why = format!("it is longer than {} KiB", most >> 10);
        return Err(Unreadable { why, hint: "split it, or check that it is the right file" });
    }
    String::from_utf8(bytes).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let line = error.as_bytes()[..valid].split(|b| *b == b'\n').count();
        Unreadable { why: format!("line {line} is not UTF-8"), hint: "save it as UTF-8" }
    })
}

/// Makes the paths of a spec relative to what `folder` is relative to. Nothing has to be there yet.
pub(super) fn resolve_paths(spec: &mut ServiceSpec, folder: &Path) {
    let join = |path: &mut String| {
        if !path.is_empty() {
            *path = joined(folder, path);
        }
    };
    let join_build = |build: &mut Option<BuildCommand>| match build {
        Some(BuildCommand { directory: Some(directory), .. }) => join(directory),
        Some(build) => build.directory = Some(joined(folder, ".")).filter(|directory| directory != "."),
        None => {}
    };
    match &mut spec.artifact {
        Artifact::Image(image) => {
            if let Some(build) = &mut image.build {
                join(&mut build.context);
            }
        }
        Artifact::Jar(jar) => {
            join(&mut jar.path);
            join_build(&mut jar.build);
        }
        Artifact::War(war) => {
            join(&mut war.path);
            join_build(&mut war.build);
        }
        Artifact::Machine(machine) => {
            if machine.is_file() {
                join(&mut machine.image);
            }
            join_build(&mut machine.build);
        }
        Artifact::Function(function) => {
            if let Some(zip) = &mut function.zip {
                join(zip);
            }
            join_build(&mut function.build);
        }
    }
    for file in spec.files.values_mut() {
        if let Some(from) = &mut file.from {
            join(from);
        }
    }
    for secret in spec.secrets.values_mut() {
        if let SecretSource::File(file) = secret {
            join(file);
        }
    }
}

/// One folder and file have one path, with `./` or without.
fn joined(folder: &Path, path: &str) -> String {
    let whole = folder.join(path);
    let parts = whole.components().filter(|part| *part != Component::CurDir);
    let short: PathBuf = parts.collect();
    if short.as_os_str().is_empty() { ".".to_owned() } else { short.display().to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_file_has_one_path() {
        for (folder, path, whole) in [
            ("", "a.jar", "a.jar"),
            ("", "./a.jar", "a.jar"),
            (".", "a.jar", "a.jar"),
            ("./shop", "./target/./a.jar", "shop/target/a.jar"),
            ("shop", "../a.jar", "shop/../a.jar"),
            ("shop", "/a.jar", "/a.jar"),
            ("/srv/shop", "a.jar", "/srv/shop/a.jar"),
            (".", ".", "."),
            ("shop", ".", "shop"),
        ] {
            assert_eq!(joined(Path::new(folder), path), whole, "{path} in {folder}");
        }
    }
}
