//! Plans as files: JSON in a versioned form, checked through and through when it is read back.

mod check;
mod form;
mod names;
mod read;
mod write;

use super::Plan;

/// The name of the format, in each file.
const FORMAT: &str = "deploykit-plan";
/// The versions that can be read; the last one is written.
const VERSIONS: [u64; 1] = [1];
/// A file beyond this is not a plan: rolling 100,000 instances one by one takes about half of it.
const LARGEST: usize = 512 << 20;

/// A text that is not a plan, or not one to be trusted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PlanFileError {
    /// It is not JSON, or not of the form of a plan.
    #[error("cannot read the plan: {0}; save it again")]
    Form(#[source] serde_json::Error),
    /// It is something else.
    #[error("this is not a plan: it has no `\"format\": \"deploykit-plan\"`; give the file that a plan was saved to")]
    NotAPlan,
    /// It was written by another deploykit.
    #[error(
        "the plan is of version {found} and this deploykit reads {}; plan again with this one, or apply it with the \
         one that made it",
        versions()
    )]
    Version {
        /// The version of the file.
        found: u64,
    },
    /// It is larger than any plan.
    #[error("the plan has {bytes} bytes, and none is larger than {LARGEST}; plan fewer services at once")]
    TooLarge {
        /// Its size.
        bytes: usize,
    },
    /// It contradicts itself.
    #[error("the plan cannot be trusted: {at}: {problem}; plan again")]
    Invalid {
        /// Where, such as `services[0].rounds[3]`.
        at: String,
        /// What is wrong there.
        problem: String,
    },
}

impl PlanFileError {
    fn invalid(at: impl Into<String>, problem: impl Into<String>) -> Self {
        Self::Invalid { at: at.into(), problem: problem.into() }
    }
}

fn versions() -> String {
    let all: Vec<_> = VERSIONS.iter().map(|version| format!("version {version}")).collect();
    all.join(" and ")
}

impl Plan {
    /// The plan as JSON, to be kept and carried out later: the same plan gives the same text to the byte.
    ///
    /// Each spec stands in it once, however many instances run it. No secret is in it, only keyed digests.
    pub fn to_json(&self) -> String {
        let mut text = serde_json::to_string_pretty(&write::form(self)).expect("all keys of a plan are texts");
        text.push('\n');
        text
    }

    /// Reads a plan back. What it says of itself is checked: each spec against the rules and against its revision,
    /// each step against its service, the order against what comes after what.
    ///
    /// # Errors
    /// [`PlanFileError`].
    pub fn from_json(text: &str) -> Result<Self, PlanFileError> {
        if text.len() > LARGEST {
            return Err(PlanFileError::TooLarge { bytes: text.len() });
        }
        let head: form::Head = serde_json::from_str(text).map_err(PlanFileError::Form)?;
        if head.format.as_deref() != Some(FORMAT) {
            return Err(PlanFileError::NotAPlan);
        }
        match head.version {
            Some(version) if VERSIONS.contains(&version) => {}
            version => return Err(PlanFileError::Version { found: version.unwrap_or_default() }),
        }
        let form: form::PlanForm = serde_json::from_str(text).map_err(PlanFileError::Form)?;
        let plan = read::plan(form)?;
        check::check(&plan)?;
        Ok(plan)
    }
}
