//! What dependencies may be: `deny.toml`, checked by cargo-deny.

use crate::run::{cargo, works};
use crate::stage::Verdict;

const VERSION: &str = "0.20.2";

/// Checks bans, licences and sources; installs cargo-deny first if it is not there.
pub(crate) fn check() -> Result<(), String> {
    if !is_installed() {
        cargo(["install", "--locked", &format!("cargo-deny@{VERSION}")])?;
    }
    cargo(["deny", "check", "bans", "licenses", "sources"])
}

/// Checks the advisories, where their database can be reached.
pub(crate) fn check_advisories() -> Verdict {
    if !is_installed() {
        return Verdict::Skipped("cargo-deny is not installed".to_owned());
    }
    if !works("cargo", &["deny", "fetch", "db"]) {
        return Verdict::Skipped("the host of the advisory database cannot be reached from here".to_owned());
    }
    cargo(["deny", "check", "--disable-fetch", "advisories"]).into()
}

fn is_installed() -> bool {
    works("cargo", &["deny", "--version"])
}
