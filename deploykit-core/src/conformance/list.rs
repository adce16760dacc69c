//! The list of all cases: once as values, once as tests.

/// Hands all cases to a macro, after what it wants to be given back.
#[doc(hidden)]
#[macro_export]
macro_rules! conformance_cases {
    ($callback:path, $given:tt) => {
        $callback! {
            $given
            basics::{
                capabilities_are_stable,
                check_lets_pass_what_runs,
                check_refuses_what_does_not_run,
                an_unknown_service_is_empty,
                observations_come_in_order,
                an_observation_is_of_now,
                services_are_listed_while_they_are_there,
            }
            books::{
                publishing_twice_changes_nothing,
                nothing_runs_unpublished,
                a_record_reads_back_exactly,
                a_record_outlives_its_handle,
                a_record_is_replaced,
                forgetting_takes_one_record_away,
                forgetting_spares_what_runs,
            }
            instances::{
                a_started_instance_is_seen,
                starting_twice_changes_nothing,
                a_started_instance_gets_ready,
                what_exited_is_replaced_by_another_attempt,
                stopping_what_is_missing_changes_nothing,
                a_stopped_instance_goes,
                a_stop_ends_only_the_one_it_names,
                a_foreign_name_conflicts_with_a_start,
                a_foreign_name_conflicts_with_a_stop,
            }
            route::{
                admission_reads_back,
                routing_twice_changes_nothing,
                a_withdrawn_instance_drains,
                an_unknown_instance_cannot_be_admitted,
                shares_read_back,
                the_time_of_a_split_stays,
                shares_must_add_up,
                test_users_read_back,
            }
            platform::{
                a_submission_rolls_out,
                submitting_twice_changes_nothing,
                a_change_in_place_is_submitted,
                an_outdated_submission_conflicts,
                the_next_revision_takes_over,
                what_does_not_work_is_not_complete,
                a_withdrawn_service_goes,
                a_foreign_service_conflicts,
            }
            lease::{
                a_lease_is_held_by_one,
                a_holder_gets_its_lease_again,
                renewing_makes_a_lease_last,
                taking_over_fences_the_holder,
                a_released_lease_is_free,
                a_lease_runs_out,
                a_lease_is_not_a_service,
                an_older_token_is_refused_for_every_action,
                a_fenced_token_stays_fenced,
            }
            robust::{
                a_dropped_action_is_completed_by_another,
                actions_may_run_at_once,
                the_same_action_twice_at_once_is_done_once,
                secrets_stay_secret,
                what_is_not_declared_is_refused,
                errors_say_what_was_done_to_what,
                services_do_not_disturb_each_other,
            }
            streams::{
                a_log_is_there,
                a_log_can_be_cut,
                an_unknown_instance_has_no_log,
                changes_are_told_where_declared,
                changes_name_the_service,
            }
            whole::{
                removing_leaves_nothing,
                scaling_touches_only_the_difference,
                revisions_take_each_others_place,
                rolling_back_goes_to_a_record,
                users_move_in_stages,
            }
        }
    };
}

/// Makes a test of every case.
#[doc(hidden)]
#[macro_export]
macro_rules! conformance_tests {
    ($(#[$test:meta])+ $harness:expr) => {
        $crate::conformance_cases! { $crate::conformance_each, [[$(#[$test])+] [$harness]] }
    };
    ($harness:expr) => {
        $crate::conformance_tests! { #[tokio::test] $harness }
    };
}

/// Makes a module of tests for each kind of case.
#[doc(hidden)]
#[macro_export]
macro_rules! conformance_each {
    ($given:tt $($module:ident :: { $($name:ident),+ $(,)? })+) => {
        $(
            mod $module {
                #[allow(unused_imports)]
                use super::*;
                $($crate::conformance_test! { $given $module $name })+
            }
        )+
    };
}

/// Makes one test.
#[doc(hidden)]
#[macro_export]
macro_rules! conformance_test {
    ([[$($test:tt)+] [$harness:expr]] $module:ident $name:ident) => {
        $($test)+
        async fn $name() {
            let result = $crate::conformance::run_case(&$harness, stringify!($name)).await;
            println!("{result}");
            assert!(!matches!(result.verdict, $crate::conformance::Verdict::Broken { .. }), "{result}");
        }
    };
}
