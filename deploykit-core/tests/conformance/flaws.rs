//! The suite can fail: each clause that is broken on purpose is found by the case that names it.

use std::sync::Arc;
use std::time::Duration;

use deploykit_core::Control;
use deploykit_core::conformance::{Verdict, run_case};
use deploykit_core::memory::MemoryBuilder;

use super::memory::{Memory, builder, harness};
use super::wrong::{Flaw, Wrong};

fn wrong(builder: MemoryBuilder, flaw: Flaw) -> Memory {
    let right = harness(builder);
    Memory { deployer: Arc::new(move |memory| Arc::new(Wrong::new(memory, flaw))), ..right }
}

/// Runs a case on a target that is wrong and on one that is right.
async fn finds(build: fn() -> MemoryBuilder, flaw: Flaw, case: &str) -> String {
    let right = run_case(&harness(build()), case).await;
    assert_eq!(right.verdict, Verdict::Kept, "{case} without {flaw:?}");
    match run_case(&wrong(build(), flaw), case).await.verdict {
        Verdict::Broken { found } => found,
        other => panic!("{case} does not find {flaw:?}: {other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn each_broken_clause_is_found_by_its_case() {
    let instances: fn() -> MemoryBuilder = || builder().publish(true).in_flight(2, Duration::from_secs(1));
    let platform: fn() -> MemoryBuilder = || builder().control(Control::Platform);
    let flaws = [
        (Flaw::IgnoresFencing, "an_older_token_is_refused_for_every_action"),
        (Flaw::IgnoresFencing, "a_fenced_token_stays_fenced"),
        (Flaw::AdoptsForeign, "a_foreign_name_conflicts_with_a_start"),
        (Flaw::StopsForeign, "a_foreign_name_conflicts_with_a_stop"),
        (Flaw::ForgetsDrain, "a_withdrawn_instance_drains"),
        (Flaw::RestartsWhatRuns, "starting_twice_changes_nothing"),
        (Flaw::StopsNeighbours, "a_stop_ends_only_the_one_it_names"),
        (Flaw::LosesPromotions, "a_record_reads_back_exactly"),
        (Flaw::KeepsRecordsToItself, "a_record_outlives_its_handle"),
        (Flaw::GivesLeasesToAll, "a_lease_is_held_by_one"),
        (Flaw::NeverEndsLeases, "a_lease_runs_out"),
        (Flaw::NeverEndsLeases, "renewing_makes_a_lease_last"),
        (Flaw::KeepsTokens, "taking_over_fences_the_holder"),
        (Flaw::KeepsTokens, "a_released_lease_is_free"),
        (Flaw::ShowsSecrets, "secrets_stay_secret"),
        (Flaw::IsSilent, "changes_name_the_service"),
        (Flaw::SortsObservations, "observations_come_in_order"),
        (Flaw::ListsLeases, "services_are_listed_while_they_are_there"),
        (Flaw::ListsLeases, "a_lease_is_not_a_service"),
        (Flaw::IsOutOfDate, "an_observation_is_of_now"),
        (Flaw::MovesSplits, "the_time_of_a_split_stays"),
        (Flaw::AcceptsAnything, "what_is_not_declared_is_refused"),
        (Flaw::BreaksWhenDropped, "a_dropped_action_is_completed_by_another"),
        (Flaw::BreaksWhenDropped, "the_same_action_twice_at_once_is_done_once"),
        (Flaw::IgnoresTails, "a_log_can_be_cut"),
        (Flaw::ForgetsInstances, "forgetting_spares_what_runs"),
        (Flaw::RoutesByHalves, "an_unknown_instance_cannot_be_admitted"),
        (Flaw::IsAnonymous, "errors_say_what_was_done_to_what"),
        (Flaw::AcceptsAllSpecs, "check_refuses_what_does_not_run"),
        (Flaw::LeavesArtifacts, "forgetting_takes_one_record_away"),
        (Flaw::LeavesArtifacts, "removing_leaves_nothing"),
    ];
    let platform_flaws = [
        (Flaw::SwapsWithoutComparing, "an_outdated_submission_conflicts"),
        (Flaw::TakesBrokenForComplete, "what_does_not_work_is_not_complete"),
        (Flaw::IgnoresFencing, "an_older_token_is_refused_for_every_action"),
    ];
    let mut found = Vec::new();
    for (flaw, case) in flaws {
        found.push(format!("{flaw:?}: {}", finds(instances, flaw, case).await));
    }
    for (flaw, case) in platform_flaws {
        found.push(format!("{flaw:?}: {}", finds(platform, flaw, case).await));
    }
    for line in found {
        println!("{}", line.chars().take(160).collect::<String>());
    }
}
