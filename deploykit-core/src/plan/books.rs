//! The records of a service, and when to write one.

use std::sync::Arc;

use super::draft::{Draft, Move};
use crate::action::Reason;
use crate::capability::Capabilities;
use crate::goal::Goal;
use crate::name::ServiceName;
use crate::observed::Observed;
use crate::pin::PinnedSpec;
use crate::record::{Record, RecordStatus};
use crate::revision::Revision;
use crate::time::Timestamp;

/// What is kept on the target of a service's deployments, and whether the wanted artifact is there.
#[derive(Clone, Debug)]
pub(super) struct Books {
    keeps_records: bool,
    needs_publishing: bool,
    /// By sequence, the highest first.
    records: Vec<Record>,
}

impl Books {
    pub(super) fn new(goal: &Goal, seen: &Observed, caps: &Capabilities) -> Self {
        let mut records = seen.records.clone();
        records.sort_by_key(|record| std::cmp::Reverse(record.sequence));
        let is_published = goal.revision().is_none_or(|revision| seen.published.contains(revision));
        Self { keeps_records: caps.records, needs_publishing: caps.publish && !is_published, records }
    }

    /// Whether this revision ever came to its end.
    pub(super) fn has_worked(&self, revision: &Revision) -> bool {
        self.of(revision).is_some_and(Record::is_proven)
    }

    /// How many gates of its release were opened.
    pub(super) fn promoted(&self, revision: &Revision) -> u32 {
        self.of(revision).map_or(0, |record| record.promoted)
    }

    /// What became of the latest deployment.
    pub(super) fn latest_status(&self) -> Option<RecordStatus> {
        self.records.first().map(|record| record.status)
    }

    /// When the latest deployment began.
    pub(super) fn latest_at(&self) -> Option<Timestamp> {
        self.records.first().map(|record| record.at)
    }

    /// What was deployed as a revision.
    pub(super) fn spec(&self, revision: &Revision) -> Option<&Arc<PinnedSpec>> {
        self.of(revision).map(|record| &record.spec)
    }

    fn of(&self, revision: &Revision) -> Option<&Record> {
        self.records.iter().find(|record| record.revision() == revision)
    }

    /// What has to be done before the first instance may start, so that whoever comes after a crash knows what was
    /// under way. Returns whether there is something.
    pub(super) fn begin(&self, spec: &Arc<PinnedSpec>, settled: bool, now: Timestamp, draft: &mut Draft) -> bool {
        if self.needs_publishing {
            draft.publish(spec, Reason::Begin);
            return true;
        }
        if !self.keeps_records {
            return false;
        }
        let status = if settled { RecordStatus::Deployed } else { RecordStatus::Deploying };
        let latest = self.records.first();
        match latest {
            Some(latest) if latest.revision() == spec.revision() => {
                let same = Arc::ptr_eq(&latest.spec, spec) || latest.spec == *spec;
                let failed = latest.status == RecordStatus::Failed;
                if same && !failed {
                    return false;
                }
                let promoted = if failed { 0 } else { latest.promoted };
                let proven = latest.is_proven();
                let record = Record { status, proven, promoted, spec: Arc::clone(spec), ..latest.clone() };
                draft.record(record, if same { Reason::Begin } else { Reason::InPlace });
            }
            _ => {
                let sequence = latest.map_or(0, |latest| latest.sequence).saturating_add(1);
                let proven = self.has_worked(spec.revision());
                let record = Record { sequence, at: now, status, proven, promoted: 0, spec: Arc::clone(spec) };
                draft.record(record, Reason::Begin);
            }
        }
        true
    }

    /// What has to be done when all is as it should be. Returns whether there is something.
    pub(super) fn complete(&self, service: &ServiceName, spec: &PinnedSpec, draft: &mut Draft) -> bool {
        if !self.keeps_records {
            return false;
        }
        if let Some(latest) = self.records.first().filter(|latest| latest.status != RecordStatus::Deployed) {
            draft.record(Record { status: RecordStatus::Deployed, proven: true, ..latest.clone() }, Reason::Complete);
        }
        let history = usize::try_from(spec.spec().history.max(1)).unwrap_or(usize::MAX);
        for record in self.records.iter().skip(history).filter(|record| record.revision() != spec.revision()) {
            draft.forget(service, record.revision().clone(), Reason::History);
        }
        !draft.is_empty()
    }

    /// Takes away every record.
    pub(super) fn forget_all(&self, service: &ServiceName, draft: &mut Draft) {
        for record in &self.records {
            draft.forget(service, record.revision().clone(), Reason::Removed);
        }
    }

    /// Changes the books as a step that succeeds would.
    pub(super) fn assume(&mut self, made: &Move) {
        match made {
            Move::Publish => self.needs_publishing = false,
            Move::Record(record) => {
                self.records.retain(|kept| kept.revision() != record.revision());
                let place = self.records.partition_point(|kept| kept.sequence > record.sequence);
                self.records.insert(place, (**record).clone());
            }
            Move::Forget(revision) => self.records.retain(|kept| kept.revision() != revision),
            _ => {}
        }
    }
}
