//! Revisions: the digest of a service's template.

use std::fmt::{self, Write as _};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::pin::Pins;
use crate::spec::ServiceSpec;

mod canonical;

/// The identity of a template: `r1-` and the SHA-256 digest, in hexadecimal, of its canonical form.
///
/// `r1` is the version of that form. The same template has the same revision whoever computes it and whenever, so a
/// rollout to it can be repeated, and going back to an older spec is going back to its revision.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Revision(Arc<str>);

/// A text that is not a revision.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a revision; one is `r1-` and 64 hexadecimal digits")]
pub struct RevisionError(String);

impl Revision {
    const PREFIX: &'static str = "r1-";
    const SHORT: usize = Self::PREFIX.len() + 12;

    /// The revision of a spec whose mutable references are pinned.
    pub fn of(spec: &ServiceSpec, pins: &Pins) -> Self {
        Self::of_bytes(&canonical::encode(spec, pins))
    }

    fn of_bytes(bytes: &[u8]) -> Self {
        let mut text = String::with_capacity(Self::PREFIX.len() + 64);
        text.push_str(Self::PREFIX);
        for byte in Sha256::digest(bytes) {
            let _ = write!(text, "{byte:02x}");
        }
        Self(text.into())
    }

    /// Reads a revision back.
    ///
    /// # Errors
    /// [`RevisionError`] if it is not one of a version known here.
    pub fn parse(text: &str) -> Result<Self, RevisionError> {
        let digits = text.strip_prefix(Self::PREFIX).unwrap_or_default();
        if digits.len() == 64 && digits.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
            Ok(Self(text.into()))
        } else {
            Err(RevisionError(text.chars().take(80).collect()))
        }
    }

    /// The whole text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The version and 12 digits, for names and for people: 48 bits tell the few revisions of one service apart.
    pub fn short(&self) -> &str {
        &self.0[..Self::SHORT]
    }
}

impl TryFrom<String> for Revision {
    type Error = RevisionError;
    fn try_from(text: String) -> Result<Self, RevisionError> {
        Self::parse(&text)
    }
}

impl From<Revision> for String {
    fn from(revision: Revision) -> Self {
        revision.0.as_ref().to_owned()
    }
}

/// The short form; `{:#}` writes the whole.
impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(if f.alternate() { self.as_str() } else { self.short() })
    }
}

impl fmt::Debug for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.short())
    }
}
