//! A target in memory that does what a test tells it to.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use async_trait::async_trait;
use deploykit_core::lease::FencingToken;
use deploykit_core::spec::{Artifact, ServiceSpec};
use deploykit_core::{
    Action, Applied, Capabilities, ChangeStream, Context, Control, Deployer, Digest, Endpoint, Error, ErrorKind,
    Instance, InstanceId, Lease, LeaseRequest, LogLine, LogOptions, LogStream, Observed, Phase, Record, RecordStatus,
    Result, Retry, Revision, ServiceName, SpecError, State, TargetName, Timestamp, Traffic,
};
use futures_util::stream;
use tokio::sync::broadcast;
use tokio::time::Instant;

pub(crate) const START: Timestamp = Timestamp::from_millis(1_767_225_600_000);

/// What the fake does instead of what it was asked for.
#[derive(Clone, Debug)]
pub(crate) enum Fault {
    /// Fails without having done anything.
    Fail(ErrorKind, Option<Retry>),
    /// Does it, and fails all the same.
    FailAfter(ErrorKind),
    /// Never answers.
    Hang,
    /// Shows what was so long ago, and says so.
    Stale(Duration),
    /// Has a defect.
    Panic,
    /// Takes so long.
    Delay(Duration),
}

#[derive(Debug)]
struct Rule {
    /// The beginning of what it applies to: `observe`, `start`, `start web-r1-..`, `acquire`, `renew`, `release`.
    to: String,
    skip: usize,
    times: usize,
    fault: Fault,
}

#[derive(Clone, Debug)]
struct Running {
    artifact: String,
    started: Instant,
    attempt: u32,
}

#[derive(Clone, Debug, Default)]
struct Things {
    instances: BTreeMap<InstanceId, Running>,
    records: Vec<Record>,
    traffic: Traffic,
}

#[derive(Debug, Default)]
struct Service {
    now: Things,
    /// What there was, and until when.
    before: Vec<(Instant, Things)>,
    lease: Option<Lease>,
    token: u64,
}

#[derive(Debug, Default)]
struct World {
    services: BTreeMap<ServiceName, Service>,
    rules: Vec<Rule>,
    /// Everything that was asked, in order, with the virtual second.
    calls: Vec<String>,
    in_flight: u32,
    lag: Duration,
    set_back: Duration,
    published: BTreeSet<Revision>,
    is_honest: bool,
    most_at_once: usize,
    at_once: usize,
    /// The values of secrets that came with the last action that had any.
    secrets: Vec<String>,
}

#[derive(Clone)]
pub(crate) struct Fake {
    name: TargetName,
    caps: Capabilities,
    zero: Instant,
    world: Arc<Mutex<World>>,
    changes: broadcast::Sender<ServiceName>,
}

impl fmt::Debug for Fake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fake({})", self.name)
    }
}

impl Fake {
    pub(crate) fn new() -> Self {
        let mut caps = Capabilities::new(Control::Instances, ["image"]);
        (caps.records, caps.route, caps.weights, caps.match_rules) = (true, true, true, true);
        let world = Arc::default();
        Self { name: name("fake"), caps, zero: Instant::now(), world, changes: broadcast::Sender::new(64) }
    }

    pub(crate) fn named(mut self, text: &str) -> Self {
        self.name = name(text);
        self
    }

    pub(crate) fn with_caps(mut self, change: impl FnOnce(&mut Capabilities)) -> Self {
        change(&mut self.caps);
        self
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap()
    }

    /// From now on, what begins with `to` goes wrong so many times.
    pub(crate) fn fault(&self, to: &str, times: usize, fault: Fault) {
        self.fault_later(to, 0, times, fault);
    }

    pub(crate) fn fault_later(&self, to: &str, skip: usize, times: usize, fault: Fault) {
        self.world().rules.push(Rule { to: to.to_owned(), skip, times, fault });
    }

    pub(crate) fn heal(&self) {
        self.world().rules.clear();
    }

    pub(crate) fn set_in_flight(&self, requests: u32) {
        self.world().in_flight = requests;
    }

    /// From now on, an observation shows what was so long ago, and says so or not.
    pub(crate) fn lag_behind(&self, lag: Duration, is_honest: bool) {
        let mut world = self.world();
        (world.lag, world.is_honest) = (lag, is_honest);
    }

    pub(crate) fn calls(&self) -> Vec<String> {
        self.world().calls.clone()
    }

    pub(crate) fn clear_calls(&self) {
        self.world().calls.clear();
    }

    /// How many calls begin with `what`.
    pub(crate) fn count(&self, what: &str) -> usize {
        self.world().calls.iter().filter(|call| call.split_once(' ').unwrap().1.starts_with(what)).count()
    }

    pub(crate) fn most_at_once(&self) -> usize {
        self.world().most_at_once
    }

    pub(crate) fn secrets(&self) -> Vec<String> {
        self.world().secrets.clone()
    }

    pub(crate) fn now(&self) -> Timestamp {
        START.after(self.zero.elapsed())
    }

    /// From now on, the target's clock shows an earlier time.
    pub(crate) fn set_back(&self, by: Duration) {
        self.world().set_back = by;
    }

    /// What an instance is doing, by its artifact and its age: `good` is ready after a second, `slow` after a minute,
    /// `crash` exits after a second, `never` is never ready, `flap` goes up and down, `ghost` is never there at all.
    fn phase(&self, running: &Running) -> (Phase, Timestamp) {
        let started = START.after(running.started - self.zero);
        let (phase, after) = match running.artifact.as_str() {
            text if text.contains("slow") => (Phase::Ready, Duration::from_mins(1)),
            text if text.contains("crash") => (Phase::Exited { code: 7 }, Duration::from_secs(1)),
            text if text.contains("never") => (Phase::Starting, Duration::ZERO),
            text if text.contains("flap") => {
                let age = running.started.elapsed().as_secs();
                (if age % 4 < 2 { Phase::Ready } else { Phase::Unhealthy }, Duration::from_secs(age - age % 2))
            }
            _ => (Phase::Ready, Duration::from_secs(1)),
        };
        let at = started.after(after);
        if self.now() >= at { (phase, at) } else { (Phase::Starting, started) }
    }

    pub(crate) fn see(&self, service: &ServiceName) -> Observed {
        let world = self.world();
        let mut seen = Observed::empty(service.clone(), self.now(), State::Instances(Vec::new()));
        seen.traffic = self.caps.route.then(Traffic::default);
        seen.at = Timestamp::from_millis(self.now().as_millis() - u64::try_from(world.set_back.as_millis()).unwrap());
        seen.published.clone_from(&world.published);
        if world.is_honest {
            seen.at = START.after(self.zero.elapsed().saturating_sub(world.lag));
        }
        if let Some(found) = world.services.get(service) {
            let shown = Instant::now().checked_sub(world.lag).unwrap();
            let found = found.before.iter().find(|(until, _)| *until > shown).map_or(&found.now, |(_, things)| things);
            let instance = |(id, running): (&InstanceId, &Running)| {
                let (phase, since) = self.phase(running);
                Instance::new(id.clone(), phase, since).with_attempt(running.attempt)
            };
            seen.state = State::Instances(found.instances.iter().map(instance).collect());
            seen.records.clone_from(&found.records);
            seen.traffic = self.caps.route.then(|| {
                let mut traffic = found.traffic.clone();
                for endpoint in traffic.endpoints.values_mut() {
                    // A hundred never come to their end.
                    let drained = self.now().since(endpoint.since) >= Duration::from_secs(3) && world.in_flight < 100;
                    endpoint.in_flight = if endpoint.draining && drained { 0 } else { world.in_flight };
                }
                traffic
            });
        }
        seen
    }

    /// `good:1 2/3 ready` for each artifact, in order.
    pub(crate) fn summary(&self, service: &str) -> String {
        let seen = self.see(&name(service));
        let world = self.world();
        let mut counts: BTreeMap<&str, (u32, u32)> = BTreeMap::new();
        let State::Instances(instances) = &seen.state else { unreachable!() };
        for instance in instances {
            let artifact = &world.services[&seen.service].now.instances[&instance.id].artifact;
            let count = counts.entry(artifact).or_default();
            count.0 += u32::from(instance.phase == Phase::Ready);
            count.1 += 1;
        }
        counts.iter().map(|(name, (ready, all))| format!("{name} {ready}/{all}")).collect::<Vec<_>>().join(", ")
    }

    /// The status of each record, by number.
    pub(crate) fn records(&self, service: &str) -> Vec<(u64, RecordStatus)> {
        let mut records: Vec<_> =
            self.see(&name(service)).records.iter().map(|record| (record.sequence, record.status)).collect();
        records.sort_by_key(|(sequence, _)| *sequence);
        records
    }

    pub(crate) fn lease_holder(&self, service: &str) -> Option<String> {
        let now = self.now();
        let world = self.world();
        let lease = world.services.get(&name::<ServiceName>(service))?.lease.as_ref()?;
        (lease.expires > now).then(|| lease.holder.clone())
    }

    fn log(&self, what: &str) {
        let second = self.zero.elapsed().as_millis();
        self.world().calls.push(format!("{second} {what}"));
    }

    /// Does what the rules say; `Ok(Some)` is what to fail with after it was done.
    async fn obey(&self, what: &str) -> Result<Option<Error>> {
        self.log(what);
        let fault = {
            let mut world = self.world();
            let rule = world.rules.iter_mut().find(|rule| rule.times > 0 && what.starts_with(&rule.to));
            rule.and_then(|rule| {
                if rule.skip > 0 {
                    rule.skip -= 1;
                    return None;
                }
                rule.times -= 1;
                Some(rule.fault.clone())
            })
        };
        let (verb, subject) = what.split_once(' ').unwrap_or((what, ""));
        let operation: &'static str = ["observe", "start", "stop", "record", "acquire", "renew", "release", "route"]
            .into_iter()
            .find(|known| *known == verb)
            .unwrap_or("do");
        let error = |kind| Error::new(kind, operation, subject, &self.name);
        match fault {
            None => Ok(None),
            Some(Fault::Fail(kind, None)) => Err(error(kind)),
            Some(Fault::Fail(kind, Some(retry))) => Err(error(kind).with_retry(retry)),
            Some(Fault::FailAfter(kind)) => Ok(Some(error(kind))),
            Some(Fault::Stale(lag)) => {
                self.lag_behind(lag, true);
                Ok(None)
            }
            Some(Fault::Panic) => panic!("a defect"),
            Some(Fault::Hang) => std::future::pending().await,
            Some(Fault::Delay(time)) => {
                tokio::time::sleep(time).await;
                Ok(None)
            }
        }
    }

    fn carry_out(&self, action: &Action, token: FencingToken) -> Result<Applied> {
        let now = self.now();
        let mut world = self.world();
        let in_flight = world.in_flight;
        if let Action::Publish { spec } = action {
            world.published.insert(spec.revision().clone());
            return Ok(Applied::Changed);
        }
        let service = world.services.entry(action.service().clone()).or_default();
        if token.0 < service.token {
            return Err(Error::new(ErrorKind::Fenced, action.verb(), action.service(), &self.name));
        }
        let before = service.now.clone();
        let changed = |now: &Things| format!("{now:?}") != format!("{before:?}");
        let Service { now: things, before: history, .. } = service;
        match action {
            Action::Start { id, spec, attempt } => {
                let again = things.instances.get(id).is_none_or(|running| running.attempt != *attempt);
                if again {
                    let Artifact::Image(image) = &spec.spec().artifact else { unreachable!() };
                    let artifact = image.reference.clone();
                    let running = Running { artifact, started: Instant::now(), attempt: *attempt };
                    if !running.artifact.contains("ghost") {
                        things.instances.insert(id.clone(), running);
                    }
                }
            }
            Action::Stop { id, .. } => {
                things.instances.remove(id);
                things.traffic.endpoints.remove(id);
            }
            Action::Record { record } => {
                things.records.retain(|kept| kept.revision() != record.revision());
                things.records.push((**record).clone());
            }
            Action::Forget { revision, .. } => things.records.retain(|kept| kept.revision() != revision),
            Action::Route { change, .. } => {
                for id in &change.admit {
                    things.traffic.endpoints.insert(id.clone(), Endpoint::admitted(now));
                }
                for id in &change.withdraw {
                    if let Some(endpoint) = things.traffic.endpoints.get_mut(id) {
                        *endpoint = Endpoint { since: now, draining: true, in_flight };
                    }
                }
                if let Some(split) = &change.split
                    && *split != things.traffic.split
                {
                    (things.traffic.split, things.traffic.since) = (split.clone(), now);
                }
            }
            other => return Err(Error::new(ErrorKind::Unsupported, other.verb(), other.service(), &self.name)),
        }
        if !changed(things) {
            return Ok(Applied::Unchanged);
        }
        history.push((Instant::now(), before));
        Ok(Applied::Changed)
    }

    fn keep(&self, service: &ServiceName, request: &LeaseRequest) -> Result<Lease> {
        let now = self.now();
        let mut world = self.world();
        let found = world.services.entry(service.clone()).or_default();
        let error = |kind| Error::new(kind, "keep the lease of", service, &self.name);
        let current = found.lease.clone().filter(|lease| lease.expires > now);
        let lease = match request {
            LeaseRequest::Acquire { holder, ttl, steal } => {
                match &current {
                    Some(lease) if lease.holder == *holder => {}
                    Some(lease) if !steal => {
                        return Err(error(ErrorKind::Held).with_context("holder", &lease.holder));
                    }
                    _ => found.token += 1,
                }
                Lease { holder: holder.clone(), token: FencingToken(found.token), expires: now.after(*ttl) }
            }
            LeaseRequest::Renew { token, ttl } => match found.lease.clone() {
                Some(lease) if lease.token == *token => Lease { expires: now.after(*ttl), ..lease },
                _ => return Err(error(ErrorKind::Fenced)),
            },
            LeaseRequest::Release { token } => {
                let lease = found.lease.clone().filter(|lease| lease.token == *token);
                let Some(lease) = lease else { return Ok(found.lease.clone().unwrap()) };
                Lease { expires: now, ..lease }
            }
            _ => unreachable!(),
        };
        found.lease = Some(lease.clone());
        Ok(lease)
    }

    /// As somebody else would.
    pub(crate) fn steal(&self, service: &str, holder: &str) {
        let request = LeaseRequest::Acquire { holder: holder.to_owned(), ttl: Duration::from_mins(1), steal: true };
        self.keep(&name(service), &request).unwrap();
    }

    /// As a crash of the instance would.
    pub(crate) fn lose_instance(&self, service: &str) {
        let mut world = self.world();
        world.services.get_mut(&name::<ServiceName>(service)).unwrap().now.instances.pop_first();
        drop(world);
        let _ = self.changes.send(name(service));
    }
}

#[async_trait]
impl Deployer for Fake {
    fn target(&self) -> &TargetName {
        &self.name
    }
    fn capabilities(&self) -> Capabilities {
        self.caps.clone()
    }
    fn check(&self, _: &ServiceSpec) -> Result<(), SpecError> {
        Ok(())
    }
    async fn pin(&self, spec: &ServiceSpec) -> Result<Option<Digest>> {
        let error = self.obey(&format!("pin {}", spec.service)).await?;
        error.map_or(Ok(None), Err)
    }
    async fn services(&self) -> Result<BTreeSet<ServiceName>> {
        self.obey("services").await?;
        let services: Vec<_> = self.world().services.keys().cloned().collect();
        Ok(services.into_iter().filter(|service| !self.see(service).is_empty()).collect())
    }
    async fn observe(&self, services: &[ServiceName]) -> Result<Vec<Observed>> {
        let names: Vec<_> = services.iter().map(ServiceName::as_str).collect();
        self.obey(&format!("observe {}", names.join(" "))).await?;
        let seen = services.iter().map(|service| self.see(service)).collect();
        if self.world().is_honest {
            self.lag_behind(Duration::ZERO, false);
        }
        Ok(seen)
    }
    async fn apply(&self, action: &Action, cx: &Context) -> Result<Applied> {
        {
            let mut world = self.world();
            world.at_once += 1;
            world.most_at_once = world.most_at_once.max(world.at_once);
            if !cx.secrets.is_empty() {
                use secrecy::ExposeSecret as _;
                world.secrets = cx.secrets.values().map(|value| value.expose_secret().to_owned()).collect();
            }
        }
        let _guard = Guard(self);
        cx.progress("half way", 1, Some(2));
        let error = self.obey(&action.to_string()).await?;
        let applied = self.carry_out(action, cx.token)?;
        let _ = self.changes.send(action.service().clone());
        if self.caps.changes && matches!(action, Action::Start { .. }) {
            let (changes, service) = (self.changes.clone(), action.service().clone());
            tokio::spawn(async move {
                for seconds in [1, 59] {
                    tokio::time::sleep(Duration::from_secs(seconds)).await;
                    let _ = changes.send(service.clone());
                }
            });
        }
        error.map_or(Ok(applied), Err)
    }
    async fn lease(&self, service: &ServiceName, request: &LeaseRequest) -> Result<Lease> {
        let what = match request {
            LeaseRequest::Acquire { .. } => "acquire",
            LeaseRequest::Renew { .. } => "renew",
            _ => "release",
        };
        let error = self.obey(&format!("{what} {service}")).await?;
        let lease = self.keep(service, request)?;
        error.map_or(Ok(lease), Err)
    }
    async fn changes(&self) -> Result<Option<ChangeStream>> {
        self.obey("changes").await?;
        if !self.caps.changes {
            return Ok(None);
        }
        let stream = stream::unfold(self.changes.subscribe(), |mut receiver| async move {
            receiver.recv().await.ok().map(|service| (service, receiver))
        });
        Ok(Some(Box::pin(stream)))
    }
    async fn logs(&self, of: &InstanceId, options: &LogOptions) -> Result<LogStream> {
        self.obey(&format!("logs {of}")).await?;
        let lines: Vec<_> = self.world().secrets.clone();
        let lines = lines.into_iter().map(|value| format!("my password is {value}"));
        let lines = (0..20).map(|line| format!("line {line}")).chain(lines).map(|text| Ok(LogLine { at: None, text }));
        let tail = options.tail.unwrap_or(100);
        let lines: Vec<_> = lines.collect();
        let skip = lines.len().saturating_sub(tail);
        Ok(Box::pin(stream::iter(lines.into_iter().skip(skip))))
    }
}

struct Guard<'a>(&'a Fake);

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        self.0.world().at_once -= 1;
    }
}

/// A name of whatever kind is wanted.
pub(crate) fn name<N: std::str::FromStr<Err: fmt::Debug>>(text: &str) -> N {
    text.parse().unwrap()
}
