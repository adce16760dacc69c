//! The key under which secrets are compared.

use std::fmt::Write as _;
use std::path::Path;

use deploykit_core::DigestKey;

use crate::exit::Failure;

const VARIABLE: &str = "DEPLOYKIT_DIGEST_KEY";
/// A key that is made has so many bytes.
const BYTES: usize = 32;

/// The key in a file, or else in the environment.
pub(crate) fn find(file: Option<&Path>) -> Result<Option<DigestKey>, Failure> {
    let (text, whence) = match file {
        Some(path) => {
            let text = std::fs::read_to_string(path)
                .map_err(|error| Failure::error(format!("cannot read the key in {}: {error}", path.display())))?;
            (text, path.display().to_string())
        }
        None => match in_environment() {
            Some(text) => (text, VARIABLE.to_owned()),
            None => return Ok(None),
        },
    };
    let hint = "`keygen` makes one";
    let short = || format!("the key in {whence} is shorter than {} characters", DigestKey::MIN_BYTES);
    DigestKey::new(text.trim()).map(Some).ok_or_else(|| Failure::error(short()).with_hint(hint))
}

#[expect(clippy::disallowed_methods, reason = "the environment is read where a program starts")]
fn in_environment() -> Option<String> {
    std::env::var(VARIABLE).ok().filter(|text| !text.is_empty())
}

/// A new key: 64 hexadecimal digits.
pub(crate) fn generate() -> Result<String, Failure> {
    let mut bytes = [0; BYTES];
    getrandom::fill(&mut bytes).map_err(|error| Failure::error(format!("cannot make a key: {error}")))?;
    Ok(bytes.iter().fold(String::with_capacity(2 * BYTES), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    }))
}

/// Writes a key to a file that only its owner can read, and that was not there before.
pub(crate) fn save(key: &str, path: &Path) -> Result<(), Failure> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let written =
        options.open(path).and_then(|mut file| std::io::Write::write_all(&mut file, format!("{key}\n").as_bytes()));
    written.map_err(|error| Failure::error(format!("cannot write the key to {}: {error}", path.display())))
}
