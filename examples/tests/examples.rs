//! Each example does what its comment says, in virtual time.

#[expect(dead_code, unreachable_pub, reason = "an example, as a module")]
#[path = "../deploy_script.rs"]
mod deploy_script;
#[expect(dead_code, unreachable_pub, reason = "an example, as a module")]
#[path = "../platform.rs"]
mod platform;
#[expect(dead_code, unreachable_pub, reason = "an example, as a module")]
#[path = "../quickstart.rs"]
mod quickstart;

use deploykit_cli::progress::Style;

/// Finds each of these in the text, in this order.
#[track_caller]
fn assert_in_order(text: &str, parts: &[&str]) {
    let mut rest = text;
    for part in parts {
        let Some((_, after)) = rest.split_once(part) else { panic!("`{part}` is missing, or too early:\n{text}") };
        rest = after;
    }
}

#[tokio::test(start_paused = true)]
async fn quickstart_shows_all_five_steps() {
    let begun = tokio::time::Instant::now();
    let mut out = Vec::new();
    // Live progress is drawn on a terminal alone.
    quickstart::tour(&mut out, Style::Live).await.unwrap();
    let text = String::from_utf8(out).unwrap();
    assert_in_order(
        &text,
        &[
            "Docker engine  no: not built into this version yet",
            "memory         yes",
            "1. ",
            "restaurant-service on memory: deploy",
            "api-gateway: completed",
            "2. ",
            "restaurant-service on memory: roll",
            "LOG_LEVEL",
            "replaces instances",
            "api-gateway on memory: scale",
            "in place",
            "restaurant-service: completed",
            "3. ",
            "restaurant-service: rolled back",
            "FATAL cannot reach restaurant-db:3306: connection refused",
            "next: ",
            "4. ",
            "failed",
            "5. ",
            "restaurant-service: completed",
        ],
    );
    assert!(begun.elapsed().as_secs() < 15, "a newcomer would not wait for {:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn the_platform_heals_scales_and_stops() {
    let mut out = Vec::new();
    platform::demo(&mut out).await.unwrap();
    let text = String::from_utf8(out).unwrap();
    assert_in_order(
        &text,
        &[
            "1. ",
            "start orders-",
            "orders: completed",
            "start gateway-",
            "2. ",
            "killed orders-",
            "start orders-",
            "has exited",
            "3. ",
            "start gateway-",
            "4. ",
            "the services run on: gateway 3, orders 2",
        ],
    );
}

#[tokio::test(start_paused = true)]
async fn the_deploy_script_has_a_command_line() {
    for (words, code) in [("plan", 0), ("plan --exit-code", 2), ("apply --yes", 0), ("history", 0), ("aply", 64)] {
        let words = ["deploy_script"].into_iter().chain(words.split(' '));
        assert_eq!(deploy_script::script().unwrap().run_with(words.clone()).await.code(), code, "{words:?}");
    }
}
