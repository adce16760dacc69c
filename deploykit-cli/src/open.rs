//! Targets by what is written on the command line.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use deploykit_core::exec::Targets;
use deploykit_core::memory::{Behaviour, Faults, MemoryBuilder, MemoryTarget};
use deploykit_core::{Deployer, TargetName, Timestamp, units};

use crate::exit::Failure;

/// Opens a target of a kind: from what stands after `KIND:`, and the name it gets.
pub(crate) type Open = Arc<dyn Fn(&str, TargetName) -> Result<Arc<dyn Deployer>, OpenError> + Send + Sync>;

/// Why a target cannot be opened.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct OpenError(String);

impl OpenError {
    /// An error with this text, in lower case and without a full stop.
    pub fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}

/// Opens the targets that are wanted: kinds with what they need, or names of those that the program has.
pub(crate) fn open(wanted: &[String], own: &Targets, kinds: &[(&'static str, Open)]) -> Result<Targets, Failure> {
    if wanted.is_empty() {
        return Ok(own.clone());
    }
    let mut targets = Targets::new();
    for text in wanted {
        let deployer = one(text, own, kinds)?;
        if targets.get(deployer.target()).is_some() {
            let hint = format!("give one of them another name: --target NAME={text}");
            let twice = Failure::usage(format!("there are two targets of the name {}", deployer.target()));
            return Err(twice.with_hint(hint));
        }
        targets = targets.with(deployer);
    }
    Ok(targets)
}

fn one(text: &str, own: &Targets, kinds: &[(&'static str, Open)]) -> Result<Arc<dyn Deployer>, Failure> {
    let named = own.iter().find(|(name, _)| name.as_str() == text);
    if let Some((_, deployer)) = named {
        return Ok(Arc::clone(deployer));
    }
    let (name, url) = match text.split_once('=') {
        // A `=` after the `:` belongs to the kind.
        Some((name, url)) if !name.contains(':') => (Some(name), url),
        _ => (None, text),
    };
    let found = url.split_once(':').and_then(|(kind, rest)| {
        let open = kinds.iter().find(|(known, _)| *known == kind)?;
        Some((kind, rest, &open.1))
    });
    let Some((kind, rest, open)) = found else {
        let known = own.names().map(ToString::to_string).chain(kinds.iter().map(|(kind, _)| format!("{kind}:..")));
        let hint = format!("there are: {}", known.collect::<Vec<_>>().join(", "));
        return Err(Failure::usage(format!("there is no target `{text}`")).with_hint(hint));
    };
    let name = TargetName::new(name.unwrap_or(kind)).map_err(|error| Failure::usage(error.to_string()))?;
    open(rest, name).map_err(|error| Failure::error(format!("cannot open the target `{text}`: {error}")))
}

/// A target in memory: `memory:`, or `memory:FILE`, each with options after a `?`.
pub(crate) fn memory(rest: &str, name: TargetName) -> Result<Arc<dyn Deployer>, OpenError> {
    let (path, options) = rest.split_once('?').unwrap_or((rest, ""));
    let mut builder = MemoryTarget::builder("memory").name(name).base(now());
    for option in options.split('&').filter(|option| !option.is_empty()) {
        builder = with_option(builder, option)?;
    }
    if path.is_empty() {
        return Ok(Arc::new(builder.build()));
    }
    let opened = builder.open(path).map_err(|error| {
        let source = std::error::Error::source(&error).map(|source| format!(": {source}")).unwrap_or_default();
        OpenError::new(format!("{error}{source}"))
    })?;
    Ok(Arc::new(opened))
}

/// One of the options that let somebody try how deploykit meets trouble.
fn with_option(builder: MemoryBuilder, option: &str) -> Result<MemoryBuilder, OpenError> {
    let (key, value) = option.split_once('=').unwrap_or((option, ""));
    let time = || units::duration::parse(value).map_err(|error| OpenError::new(error.to_string()));
    Ok(match key {
        "start_time" => builder.start_time(time()?),
        "stop_time" => builder.stop_time(time()?),
        "latency" => builder.faults(Faults::none().latency(time()?..time()?)),
        "never_ready" => builder.behaviour(Behaviour::new().of_reference(value).never_ready()),
        "exits" => {
            let exits = Behaviour::new().of_reference(value).exits(Duration::from_millis(10), 1);
            builder.behaviour(exits.says("cannot work like this"))
        }
        _ => {
            let known = "start_time, stop_time, latency, never_ready, exits";
            return Err(OpenError::new(format!("there is no option `{key}`; there are: {known}")));
        }
    })
}

#[expect(clippy::disallowed_methods, reason = "the program begins here, and its world at the present time")]
fn now() -> Timestamp {
    SystemTime::now().into()
}
