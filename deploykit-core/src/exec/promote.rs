use super::drive::Drive;
use super::progress::Progress;
use super::pursue::Road;
use super::round::RoundEnd;
use super::seen::{stuck_because, waiting_for};
use super::{FailureKind, RunError};
use crate::action::{Action, Reason, Step};
use crate::error::Retry;
use crate::goal::Goal;
use crate::plan::{Decision, WaitReason, next};
use crate::record::{Record, RecordStatus};

/// So many times it is tried to open a gate.
const TRIES: usize = 4;

impl Drive {
    /// Opens the gate that the service's release waits at; returns its stage.
    pub(super) async fn promote(mut self) -> Result<u32, RunError> {
        self.gate()?;
        let held = || self.failure("open the gate", FailureKind::Held).with_text("a run of this executor is at work");
        let Some(_claim) = self.core.claim(&self.place.name, &self.service) else {
            return Err(RunError::Failed(held()));
        };
        if !self.take_lease().await.map_err(RunError::Failed)? {
            return Err(RunError::Cancelled);
        }
        let opened = self.open_gate().await;
        if let Some(lease) = self.lease.take() {
            lease.release().await;
        }
        opened
    }

    async fn open_gate(&mut self) -> Result<u32, RunError> {
        let mut delays = self.core.options.retries();
        let mut error = None;
        for _ in 0..TRIES {
            match self.look().await {
                None => return Err(RunError::Cancelled),
                Some(Err(failed)) if matches!(failed.retry(), Retry::Later { .. }) => {
                    error = Some(failed);
                    self.stop.run_until_cancelled(tokio::time::sleep(delays.next())).await;
                    continue;
                }
                Some(Err(failed)) => return Err(failed.into()),
                Some(Ok(())) => {}
            }
            let (stage, record) = self.gate()?;
            let goal = Goal::Run(record.spec.clone());
            let record = Box::new(Record { promoted: record.promoted + 1, ..record });
            let step = Step::new(Action::Record { record }, Reason::Release);
            let mut road = Road::new(&self.core.options, Progress::new(&goal, &self.seen));
            match self.take_round(&goal, &[step], &mut road).await {
                RoundEnd::Done => return Ok(stage),
                RoundEnd::Again { error: failed, delay, .. } => {
                    error = Some(failed);
                    self.stop.run_until_cancelled(tokio::time::sleep(delay)).await;
                }
                RoundEnd::Failed(failure) => return Err(RunError::Failed(failure)),
                RoundEnd::Interrupted | RoundEnd::Cancelled => return Err(RunError::Cancelled),
            }
        }
        let defect = || RunError::Failed(self.failure("open the gate", FailureKind::Defect));
        Err(error.map_or_else(defect, RunError::from))
    }

    /// The gate that the release waits at, and the record of it.
    fn gate(&self) -> Result<(u32, Record), RunError> {
        let not_at_gate = |now: String| RunError::NotAtGate { service: self.service.clone(), now };
        let latest = self.seen.latest_record().filter(|latest| latest.status == RecordStatus::Deploying);
        let Some(record) = latest else { return Err(not_at_gate("nothing is being released".to_owned())) };
        match next(&Goal::Run(record.spec.clone()), &self.seen, &self.place.caps)? {
            Decision::Wait { why: WaitReason::Gate { stage }, .. } => Ok((stage, record.clone())),
            Decision::Wait { why, .. } => Err(not_at_gate(format!("it is {}", waiting_for(&why)))),
            Decision::Act(_) => Err(not_at_gate("it has something to do first: deploy it again".to_owned())),
            Decision::Stuck { why } => Err(not_at_gate(stuck_because(&why))),
            Decision::Converged => Err(not_at_gate("it is complete".to_owned())),
        }
    }
}
