//! Plans as files: versioned JSON that says the same bytes for the same plan, and is checked when it is read.

mod mirror;
mod read;
mod write;

use serde::Deserialize;

use super::Plan;
use mirror::PlanFile;

const FORMAT: &str = "deploykit-plan";
const VERSION: u32 = 1;

/// Why a file is not a plan that can be carried out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PlanFileError {
    /// It is no JSON, or not of this shape.
    #[error("this is not a saved plan: {reason}")]
    Shape {
        /// What is wrong, with line and column.
        reason: String,
    },
    /// It was saved by another version.
    #[error(
        "this plan was saved in version {version} of the format, and version {VERSION} is the only one known here; plan again with this version"
    )]
    Version {
        /// The version of the file.
        version: u32,
    },
    /// It contradicts itself: it was changed by hand, or cut.
    #[error("{service}: {reason}; the file was changed after it was saved: plan again")]
    Broken {
        /// The service.
        service: String,
        /// What does not fit.
        reason: String,
    },
}

impl Plan {
    /// The plan as JSON, the same bytes for the same plan. It holds no secrets: of those, only keyed digests.
    pub fn to_json(&self) -> String {
        let mut json = serde_json::to_string_pretty(&PlanFile::from(self)).unwrap_or_default();
        json.push('\n');
        json
    }

    /// Reads a plan that was saved.
    ///
    /// Whatever can be computed again is, and has to come out the same; what is on the target is compared when the
    /// plan is carried out.
    ///
    /// # Errors
    /// [`PlanFileError`].
    pub fn from_json(json: &str) -> Result<Self, PlanFileError> {
        #[derive(Deserialize)]
        struct Head {
            format: String,
            version: u32,
        }
        let shape = |error: serde_json::Error| PlanFileError::Shape { reason: error.to_string() };
        let head: Head = serde_json::from_str(json).map_err(shape)?;
        if head.format != FORMAT {
            let reason = format!("its format is `{}` and not `{FORMAT}`", head.format.escape_debug());
            return Err(PlanFileError::Shape { reason });
        }
        if head.version != VERSION {
            return Err(PlanFileError::Version { version: head.version });
        }
        let file: PlanFile = serde_json::from_str(json).map_err(shape)?;
        file.read()
    }
}
