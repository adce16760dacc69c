//! A whole backend in one file, as a template for one of your own.
//!
//! It deploys to a [`Shelf`]: a table of processes in this program. The shelf stands for what is at the other end of
//! a real backend: an engine's socket, a cloud's API, a host behind SSH. It knows nothing of deploykit; it has names,
//! labels and a compare-and-swap, as such places have. Everything above it is the backend: [`ShelfTarget`], the one
//! type that implements [`Deployer`]. Each method says which clause of the contract it keeps. The executor does the
//! rest: order, waiting, retries, deadlines, leases and rollback.
//!
//! `cargo run --example custom_backend` deploys a service to a shelf and goes back; its test runs the conformance
//! suite.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use deploykit_core::exec::{Executor, Targets};
use deploykit_core::spec::{Artifact, ServiceSpec};
use deploykit_core::{
    Action, Applied, Capabilities, ChangeStream, Context, Control, Deployer, Digest, Error, ErrorKind, FencingToken,
    Instance, InstanceId, Lease, LeaseRequest, LogLine, LogOptions, LogStream, Observed, Phase, Problem, Record,
    Result, Revision, ServiceName, SpecError, State, TargetName, Timestamp,
};
use tokio::time::Instant;

/// The place that is deployed to. It outlives every deployer, as an engine or a cluster does.
#[derive(Debug)]
pub struct Shelf {
    /// When it was put up. The target's clock counts from here, and starts at [`Timestamp::EPOCH`].
    since: Instant,
    tables: Mutex<Tables>,
}

#[derive(Debug, Default)]
struct Tables {
    /// Every process by its name, ours or not.
    processes: BTreeMap<String, Process>,
    /// What is kept for each service besides its processes. A real target has labels, annotations or files for it.
    notes: BTreeMap<ServiceName, Notes>,
}

#[derive(Clone, Debug)]
struct Process {
    /// deploykit's label: without it, the process is somebody else's.
    label: Option<InstanceId>,
    since: Timestamp,
    attempt: u32,
    log: Vec<String>,
}

#[derive(Clone, Debug, Default)]
struct Notes {
    records: BTreeMap<Revision, Record>,
    lease: Option<Lease>,
    /// The newest token that was given out or shown. It stays when the service is gone.
    newest: FencingToken,
}

impl Shelf {
    /// An empty shelf.
    pub fn new() -> Arc<Self> {
        Arc::new(Self { since: Instant::now(), tables: Mutex::default() })
    }

    /// Puts a process of somebody else on the shelf.
    pub fn put_foreign(&self, name: impl Into<String>) {
        let process = Process { label: None, since: self.now(), attempt: 0, log: Vec::new() };
        self.tables().processes.insert(name.into(), process);
    }

    /// Whether there is a process of somebody else under this name.
    pub fn has_foreign(&self, name: &str) -> bool {
        self.tables().processes.get(name).is_some_and(|process| process.label.is_none())
    }

    /// Takes away whatever has this name.
    pub fn remove(&self, name: &str) {
        self.tables().processes.remove(name);
    }

    fn now(&self) -> Timestamp {
        Timestamp::EPOCH.after(self.since.elapsed())
    }

    fn tables(&self) -> MutexGuard<'_, Tables> {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Deploys to a [`Shelf`]. It keeps nothing but the way there: what another process would need is on the shelf.
#[derive(Clone)]
pub struct ShelfTarget {
    name: TargetName,
    shelf: Arc<Shelf>,
}

impl fmt::Debug for ShelfTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ShelfTarget").field("name", &self.name).finish_non_exhaustive()
    }
}

impl ShelfTarget {
    /// The shelf under the name that the program gives it.
    pub fn new(name: TargetName, shelf: Arc<Shelf>) -> Self {
        Self { name, shelf }
    }

    /// An error that says what was being done, to what, and where.
    fn error(&self, kind: ErrorKind, operation: &'static str, subject: impl fmt::Display) -> Error {
        Error::new(kind, operation, subject, &self.name)
    }
}

#[async_trait]
impl Deployer for ShelfTarget {
    fn target(&self) -> &TargetName {
        &self.name
    }

    // Clause: what a target cannot do is declared, so that it is refused when planning. Here, for one, there is no
    // router, so a canary is refused before anything is done. It must not change while the program runs.
    fn capabilities(&self) -> Capabilities {
        let mut caps = Capabilities::new(Control::Instances, ["jar"]);
        caps.records = true;
        caps.max_replicas = Some(100);
        caps
    }

    // Clause: limits beyond the capabilities, told without asking the target, all problems at once.
    fn check(&self, spec: &ServiceSpec) -> Result<(), SpecError> {
        let refuse = |path: &str| Problem::new(path, "a shelf holds no files").with_service(spec.service.as_str());
        SpecError::unless_empty(spec.files.keys().map(|path| refuse(&format!("files.{path}"))).collect())
    }

    // Clause: the digest of what the artifact stands for now. A real backend for jars would read the file and return
    // `Digest::of(&bytes)`; here nothing is read, so the path alone counts.
    async fn pin(&self, _: &ServiceSpec) -> Result<Option<Digest>> {
        Ok(None)
    }

    // Clause: every service that deploykit has here, and none that it has not: only labels count.
    async fn services(&self) -> Result<BTreeSet<ServiceName>> {
        let tables = self.shelf.tables();
        let running = tables.processes.values().filter_map(|process| Some(process.label.as_ref()?.service.clone()));
        let kept = tables.notes.iter().filter(|(_, notes)| !notes.records.is_empty()).map(|(name, _)| name.clone());
        Ok(running.chain(kept).collect())
    }

    // Clause: all that is owned, as it is now, in as few requests as possible, in the order asked for; what is not
    // there is an empty observation. Read back, never remembered.
    async fn observe(&self, services: &[ServiceName]) -> Result<Vec<Observed>> {
        let (tables, now) = (self.shelf.tables(), self.shelf.now());
        let look = |service: &ServiceName| {
            let ours = tables.processes.values().filter_map(|process| Some((process.label.as_ref()?, process)));
            let ours = ours.filter(|(id, _)| id.service == *service);
            let instance = |(id, process): (&InstanceId, &Process)| {
                let instance = Instance::new(id.clone(), Phase::Ready, process.since);
                instance.with_attempt(process.attempt).with_started(process.since)
            };
            let mut seen = Observed::empty(service.clone(), now, State::Instances(ours.map(instance).collect()));
            let notes = tables.notes.get(service);
            seen.records = notes.map(|notes| notes.records.values().cloned().collect()).unwrap_or_default();
            seen
        };
        Ok(services.iter().map(look).collect())
    }

    // Clause: the single door for changes. One try; idempotent, so that doing it again changes nothing; only what
    // carries our label; refused with an older token than the target has seen.
    async fn apply(&self, action: &Action, cx: &Context) -> Result<Applied> {
        let (mut tables, now) = (self.shelf.tables(), self.shelf.now());
        let Tables { processes, notes } = &mut *tables;
        let notes = notes.entry(action.service().clone()).or_default();
        if cx.token < notes.newest {
            let error = self.error(ErrorKind::Fenced, action.verb(), action.service());
            return Err(error.with_context("newest token", notes.newest.0));
        }
        notes.newest = cx.token;
        match action {
            Action::Start { id, spec, attempt } => {
                if let Some(process) = processes.get(&id.to_string()) {
                    // A start that is repeated meets itself; something foreign is neither adopted nor removed.
                    return if process.label.is_some() { Ok(Applied::Unchanged) } else { Err(self.in_the_way(id)) };
                }
                // The values of secrets come with the context, and go no further than the process.
                let mut own = spec.spec().secrets.iter().filter(|(_, source)| !source.is_read_by_target());
                if let Some((name, _)) = own.find(|(name, _)| !cx.secrets.contains_key(*name)) {
                    return Err(self.error(ErrorKind::Invalid, "start", id).with_context("secret without value", name));
                }
                let log = vec![format!("started, attempt {attempt}")];
                let process = Process { label: Some(id.clone()), since: now, attempt: *attempt, log };
                processes.insert(id.to_string(), process);
            }
            Action::Stop { id, .. } => match processes.get(&id.to_string()) {
                None => return Ok(Applied::Unchanged),
                Some(process) if process.label.is_none() => return Err(self.in_the_way(id)),
                // A real process would be asked to end, and this would return before it has: the executor waits.
                Some(_) => drop(processes.remove(&id.to_string())),
            },
            Action::Record { record } => {
                if notes.records.get(record.revision()) == Some(&**record) {
                    return Ok(Applied::Unchanged);
                }
                notes.records.insert(record.revision().clone(), (**record).clone());
            }
            Action::Forget { revision, .. } => {
                let mut ours = processes.values().filter_map(|process| process.label.as_ref());
                if ours.any(|id| id.service == *action.service() && id.revision == *revision) {
                    return Err(self.error(ErrorKind::Conflict, "forget", revision).with_context("found", "instances"));
                }
                if notes.records.remove(revision).is_none() {
                    return Ok(Applied::Unchanged);
                }
            }
            // What was never declared is not asked for; a later version of deploykit may know more actions.
            _ => return Err(self.error(ErrorKind::Unsupported, action.verb(), action.service())),
        }
        Ok(Applied::Changed)
    }

    // Clause: one deployer at a time for a service. The token rises each time the lease changes hands, and is kept on
    // the target beside it, so that a deployer that was asleep for too long cannot change anything any more.
    async fn lease(&self, service: &ServiceName, request: &LeaseRequest) -> Result<Lease> {
        let (mut tables, now) = (self.shelf.tables(), self.shelf.now());
        let Notes { lease, newest, .. } = tables.notes.entry(service.clone()).or_default();
        let fenced = |token: &FencingToken| {
            self.error(ErrorKind::Fenced, "renew the lease of", service).with_context("token", token.0)
        };
        let granted = match request {
            LeaseRequest::Acquire { holder, ttl, steal } => {
                let token = match lease.as_ref().filter(|lease| lease.expires > now) {
                    Some(held) if held.holder == *holder => held.token,
                    Some(held) if !steal => {
                        let error = self.error(ErrorKind::Held, "lease", service);
                        return Err(error.with_context("holder", &held.holder).with_context("until", held.expires));
                    }
                    _ => FencingToken(newest.0 + 1),
                };
                Lease { holder: holder.clone(), token, expires: now.after(*ttl) }
            }
            LeaseRequest::Renew { token, ttl } => match lease {
                Some(held) if held.token == *token && *token >= *newest => {
                    Lease { expires: now.after(*ttl), ..held.clone() }
                }
                _ => return Err(fenced(token)),
            },
            LeaseRequest::Release { token } => {
                let released = lease.take_if(|lease| lease.token == *token);
                let nobodys = Lease { holder: String::new(), token: *token, expires: now };
                let released = released.map(|lease| Lease { expires: now, ..lease });
                return Ok(released.or_else(|| lease.clone()).unwrap_or(nobodys));
            }
            _ => return Err(self.error(ErrorKind::Unsupported, "lease", service)),
        };
        *newest = granted.token;
        *lease = Some(granted.clone());
        Ok(granted)
    }

    // Clause: `None` where the target does not tell of changes; the executor asks instead.
    async fn changes(&self) -> Result<Option<ChangeStream>> {
        Ok(None)
    }

    // Clause: the lines of an instance, oldest first. A shelf has no lines that come later, so it cannot follow.
    async fn logs(&self, of: &InstanceId, options: &LogOptions) -> Result<LogStream> {
        let tables = self.shelf.tables();
        let process = tables.processes.get(&of.to_string()).filter(|process| process.label.is_some());
        let process = process.ok_or_else(|| self.error(ErrorKind::NotFound, "read the log of", of))?;
        let skipped = options.tail.map_or(0, |tail| process.log.len().saturating_sub(tail));
        let line = |text: &String| Ok(LogLine { at: Some(process.since), text: text.clone() });
        let lines: Vec<_> = process.log.iter().skip(skipped).map(line).collect();
        Ok(Box::pin(futures_util::stream::iter(lines)))
    }
}

impl ShelfTarget {
    fn in_the_way(&self, id: &InstanceId) -> Error {
        let error = self.error(ErrorKind::Conflict, "change", id).with_context("found", "a process of somebody else");
        error.with_hint("remove or rename it, or give the service another name")
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let target = ShelfTarget::new(TargetName::new("shelf")?, Shelf::new());
    let executor = Executor::new(Targets::single(target));
    let version = |version: &str| {
        let jar = Artifact::jar(format!("kitchen/{version}.jar"));
        ServiceSpec::builder("kitchen", jar).replicas(2).build()
    };
    let mut out = io::stdout();
    writeln!(out, "{}", executor.deploy(vec![version("1.0")?]).await?.into_result()?)?;
    writeln!(out, "{}", executor.deploy(vec![version("1.1")?]).await?.into_result()?)?;
    writeln!(out, "{}", executor.rollback(&ServiceName::new("kitchen")?, None).await?.into_result()?)?;
    for (target, seen) in executor.status(&[]).await? {
        writeln!(out, "{} on {target}: {:?}", seen.service, seen.counts())?;
    }
    Ok(())
}
