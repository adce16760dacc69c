//! Rounds that repeat, found so that they are shown once.

use std::mem::{Discriminant, discriminant};
use std::ops::Range;

use super::step::{Part, parts};
use crate::action::{Action, Reason};
use crate::plan::{Round, WaitReason};
use crate::revision::Revision;
use crate::traffic::{Shares, Split};

/// A stretch of rounds, by their indices.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Stretch {
    /// A round to show.
    Round(usize),
    /// Rounds that do the same as `of`, once or more often, to other instances.
    Repeat { rounds: Range<usize>, of: Range<usize> },
}

/// A repeated block has at most so many rounds.
const LONGEST_BLOCK: usize = 12;
/// Fewer rounds than this are not worth folding.
const FEWEST_HIDDEN: usize = 4;

/// The rounds in order, what repeats folded.
pub(super) fn fold(rounds: &[Round]) -> Vec<Stretch> {
    let shapes: Vec<Shape<'_>> = rounds.iter().map(Shape::of).collect();
    let mut stretches = Vec::new();
    let mut at = 0;
    while at < shapes.len() {
        let best = (1..=LONGEST_BLOCK).map(|block| (repeats(&shapes[at..], block), block));
        // Of blocks that hide the same number of rounds, the shortest.
        let best = best.max_by_key(|(hidden, block)| (*hidden, std::cmp::Reverse(*block)));
        match best {
            Some((hidden, block)) if hidden >= FEWEST_HIDDEN => {
                let of = at..at + block;
                stretches.extend(of.clone().map(Stretch::Round));
                at = of.end + hidden;
                stretches.push(Stretch::Repeat { rounds: of.end..at, of });
            }
            _ => {
                stretches.push(Stretch::Round(at));
                at += 1;
            }
        }
    }
    stretches
}

/// How many rounds after the first block repeat it as a whole.
fn repeats(shapes: &[Shape<'_>], block: usize) -> usize {
    let pairs = shapes.iter().zip(shapes.iter().skip(block));
    let same = pairs.take_while(|(one, two)| one == two).count();
    same - same % block
}

/// What two rounds have in common that differ in their instances alone.
#[derive(Debug, PartialEq)]
struct Shape<'a> {
    wait: Option<(Discriminant<WaitReason>, u32)>,
    parts: Vec<PartShape<'a>>,
    traffic: Option<&'a Shares>,
}

#[derive(Debug, PartialEq)]
enum PartShape<'a> {
    Instances { verb: &'static str, why: Reason, attempt: u32, revision: &'a Revision, count: usize },
    Split(Reason, &'a Split),
    Other(Reason, &'a Action),
}

impl<'a> Shape<'a> {
    fn of(round: &'a Round) -> Self {
        let parts = parts(&round.steps).into_iter().map(|part| match part {
            Part::Instances { verb, why, attempt, revision, ordinals } => {
                PartShape::Instances { verb, why, attempt, revision, count: ordinals.len() }
            }
            Part::Split { why, split } => PartShape::Split(why, split),
            Part::Other { why, action } => PartShape::Other(why, action),
        });
        let wait = round.wait.as_ref().map(|why| (discriminant(why), waits_for(why)));
        Self { wait, parts: parts.collect(), traffic: round.after.traffic.as_ref() }
    }
}

fn waits_for(why: &WaitReason) -> u32 {
    match why {
        WaitReason::Starting { instances, .. }
        | WaitReason::MinReady { instances }
        | WaitReason::Draining { instances, .. }
        | WaitReason::Stopping { instances }
        | WaitReason::Unhealthy { instances } => *instances,
        WaitReason::Hold { stage } | WaitReason::Gate { stage } => *stage,
        WaitReason::Backoff { attempt, .. } => *attempt,
        WaitReason::Platform { wanted, .. } => *wanted,
        WaitReason::KeepOld => 0,
    }
}
