//! A spec with everything mutable pinned: tags and files to their content's digest, secrets to a keyed digest.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::sync::Arc;

use hmac::{Hmac, KeyInit as _, Mac as _};
use secrecy::{ExposeSecret, SecretSlice, SecretString};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::name::{ServiceName, VarName};
use crate::problem::{Problem, SpecError};
use crate::revision::Revision;
use crate::spec::ServiceSpec;

/// The digest of some content: `sha256:` and 64 hexadecimal digits.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Digest(Arc<str>);

impl Digest {
    /// The SHA-256 digest of these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(format!("sha256:{}", hex(&Sha256::digest(bytes))).into())
    }

    /// A digest that a registry, a file's owner or another computed, in whatever form it has.
    pub fn from_text(text: impl AsRef<str>) -> Self {
        Self(text.as_ref().into())
    }

    /// The whole text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What stands for a secret's value wherever it has to be compared: 128 bits of an HMAC-SHA-256 of it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SecretDigest(Arc<str>);

impl fmt::Display for SecretDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for SecretDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The key under which secrets are digested, at least 16 bytes. Everybody who deploys the same services needs the same
/// key, or each will see the other's secrets as changed; without it, a digest tells nothing about the value.
#[derive(Clone)]
pub struct DigestKey(SecretSlice<u8>);

impl DigestKey {
    /// The fewest bytes a key may have.
    pub const MIN_BYTES: usize = 16;

    /// A key of these bytes; `None` if there are fewer than [`MIN_BYTES`](Self::MIN_BYTES).
    pub fn new(bytes: impl Into<Vec<u8>>) -> Option<Self> {
        let bytes = bytes.into();
        (bytes.len() >= Self::MIN_BYTES).then(|| Self(bytes.into()))
    }

    /// The digest of a secret's value. Equal values of two services or two names have unequal digests.
    pub fn digest(&self, service: &ServiceName, name: &VarName, value: &SecretString) -> SecretDigest {
        self.mac(service, name, "value", value.expose_secret())
    }

    /// The digest of a reference whose value only the target reads.
    pub fn digest_reference(&self, service: &ServiceName, name: &VarName, reference: &str) -> SecretDigest {
        self.mac(service, name, "reference", reference)
    }

    fn mac(&self, service: &ServiceName, name: &VarName, kind: &str, text: &str) -> SecretDigest {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.0.expose_secret()).expect("HMAC takes a key of any length");
        for part in ["deploykit secret 1", kind, service.as_str(), name.as_str()] {
            mac.update(part.as_bytes());
            mac.update(b"\0");
        }
        mac.update(text.as_bytes());
        SecretDigest(format!("k1-{}", hex(&mac.finalize().into_bytes()[..16])).into())
    }
}

impl fmt::Debug for DigestKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DigestKey(..)")
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// What the mutable references of a spec stood for when it was planned.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pins {
    /// The content of the artifact, where the target can tell it before deploying.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact: Option<Digest>,
    /// The values of the secrets.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub secrets: BTreeMap<VarName, SecretDigest>,
}

/// A spec, what its mutable references stood for, and the revision that follows from both.
///
/// This is what is planned, kept in records and gone back to: it means the same at any time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Parts", into = "Parts")]
pub struct PinnedSpec {
    spec: ServiceSpec,
    pins: Pins,
    revision: Revision,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Parts {
    spec: ServiceSpec,
    #[serde(default)]
    pins: Pins,
}

impl PinnedSpec {
    /// Checks the spec and that nothing in it is left unpinned.
    ///
    /// # Errors
    /// [`SpecError`] with all problems: those of [`ServiceSpec::check`], a secret without a digest, a digest of no
    /// secret, a file whose content was not read.
    pub fn new(spec: ServiceSpec, pins: Pins) -> Result<Self, SpecError> {
        let mut problems = spec.check().err().map(SpecError::into_problems).unwrap_or_default();
        let service = spec.service.as_str();
        for name in spec.secrets.keys().filter(|name| !pins.secrets.contains_key(*name)) {
            problems.push(Problem::new(format!("secrets.{name}"), "its value was not read").with_service(service));
        }
        for name in pins.secrets.keys().filter(|name| !spec.secrets.contains_key(*name)) {
            problems.push(
                Problem::new(format!("secrets.{name}"), "has a digest but is not declared").with_service(service),
            );
        }
        for (path, _) in spec.files.iter().filter(|(_, file)| file.content.is_none()) {
            problems.push(Problem::new(format!("files.{path}"), "its content was not read").with_service(service));
        }
        SpecError::unless_empty(problems)?;
        let revision = Revision::of(&spec, &pins);
        Ok(Self { spec, pins, revision })
    }

    /// The spec.
    pub fn spec(&self) -> &ServiceSpec {
        &self.spec
    }

    /// What its mutable references stood for.
    pub fn pins(&self) -> &Pins {
        &self.pins
    }

    /// The revision of its template.
    pub fn revision(&self) -> &Revision {
        &self.revision
    }

    /// The service's name.
    pub fn service(&self) -> &ServiceName {
        &self.spec.service
    }

    /// The digest of all of it, fields that are changed in place included. A target that is handed a whole spec keeps
    /// this beside it, so that one can tell whether the last one arrived.
    pub fn digest(&self) -> Digest {
        Digest::of(&serde_json::to_vec(self).unwrap_or_default())
    }
}

impl TryFrom<Parts> for PinnedSpec {
    type Error = SpecError;
    fn try_from(parts: Parts) -> Result<Self, SpecError> {
        Self::new(parts.spec, parts.pins)
    }
}

impl From<PinnedSpec> for Parts {
    fn from(pinned: PinnedSpec) -> Self {
        Self { spec: pinned.spec, pins: pinned.pins }
    }
}
