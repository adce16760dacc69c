//! How long planning takes, and how it grows.
//!
//! `cargo bench -p deploykit-core --bench preview`; the goals are in the table of the README.

use deploykit_core::plan::{next, preview};
use divan::counter::ItemsCount;
use divan::{Bencher, black_box};

#[path = "../tests/support/fleets.rs"]
mod fleets;

use fleets::{Fleet, fleet};

#[global_allocator]
static ALLOCATOR: divan::AllocProfiler = divan::AllocProfiler::system();

fn main() {
    divan::main();
}

/// 1,000 services of 100 instances each, rolling with a quarter more.
#[divan::bench(sample_count = 20)]
fn thousand_services_of_hundred(bencher: Bencher<'_, '_>) {
    let fleets: Vec<Fleet> = (0..1000).map(|number| fleet(&format!("service-{number}"), 100, "25%", false)).collect();
    bencher.counter(ItemsCount::new(100_000_usize)).bench_local(|| {
        for fleet in &fleets {
            black_box(preview(&fleet.goal, &fleet.seen, &fleet.caps).expect("plans"));
        }
    });
}

/// The same behind a router, which doubles the steps.
#[divan::bench(sample_count = 20)]
fn thousand_services_of_hundred_routed(bencher: Bencher<'_, '_>) {
    let fleets: Vec<Fleet> = (0..1000).map(|number| fleet(&format!("service-{number}"), 100, "25%", true)).collect();
    bencher.counter(ItemsCount::new(100_000_usize)).bench_local(|| {
        for fleet in &fleets {
            black_box(preview(&fleet.goal, &fleet.seen, &fleet.caps).expect("plans"));
        }
    });
}

/// One service, one more at a time: as many rounds as instances.
#[divan::bench(args = [1_000, 10_000, 100_000], sample_count = 10)]
fn one_service_surge_one(bencher: Bencher<'_, '_>, instances: u32) {
    let fleet = fleet("orders", instances, "1", false);
    bencher
        .counter(ItemsCount::new(instances))
        .bench_local(|| black_box(preview(&fleet.goal, &fleet.seen, &fleet.caps).expect("plans")));
}

/// The same behind a router.
#[divan::bench(args = [1_000, 10_000, 100_000], sample_count = 10)]
fn one_service_surge_one_routed(bencher: Bencher<'_, '_>, instances: u32) {
    let fleet = fleet("orders", instances, "1", true);
    bencher
        .counter(ItemsCount::new(instances))
        .bench_local(|| black_box(preview(&fleet.goal, &fleet.seen, &fleet.caps).expect("plans")));
}

/// One decision, as the executor takes it after each observation.
#[divan::bench(args = [100, 10_000])]
fn one_decision(bencher: Bencher<'_, '_>, instances: u32) {
    let fleet = fleet("orders", instances, "25%", true);
    bencher
        .counter(ItemsCount::new(instances))
        .bench_local(|| black_box(next(&fleet.goal, &fleet.seen, &fleet.caps).expect("decides")));
}
