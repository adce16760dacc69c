//! Plans as Markdown and as a diagram.

mod support {
    pub(crate) mod plans;
}

use deploykit_core::Goal;
use deploykit_core::plan::{Plan, plan};
use serde_json::json;
use support::plans;

fn some() -> Vec<(&'static str, Plan)> {
    let names =
        ["first_deployment", "two_services", "drift", "canary_to_its_gate", "no_change", "platform", "long_roll"];
    plans::all().into_iter().filter(|(name, _)| names.contains(name)).collect()
}

#[test]
fn pages_for_pull_requests() {
    for (name, plan) in some() {
        insta::assert_snapshot!(format!("markdown_{name}"), plan.markdown());
    }
}

#[test]
fn diagrams() {
    for (name, plan) in some() {
        insta::assert_snapshot!(format!("mermaid_{name}"), plan.mermaid());
    }
}

const HOSTILE: &str = "a|b`c`</code><img src=x>\n# **d** [e](https://x) @you \u{202e}\u{1b}[2J\\| --> \"]; end";

fn hostile() -> Plan {
    let fields = |value: &str| {
        let more = json!({
            "env": {"X": value},
            "labels": {"a|b": "<b>"},
            "strategy": {"blue_green": {"test_users": {"header": {"x": "a|b`c`<b> \"]"}}}},
        });
        plans::with(plans::image("orders", "7", 1), more)
    };
    let (old, new) = (plans::pinned("orders", &fields("old")), plans::pinned("orders", &fields(HOSTILE)));
    let mut seen = plans::deployed(&old, true);
    let (subject, expected) = (HOSTILE.to_owned(), HOSTILE.to_owned());
    seen.drift.push(deploykit_core::Drift { subject, expected, found: HOSTILE.to_owned(), by: Some(HOSTILE.into()) });
    plans::planned(Goal::Run(new), seen, plans::caps(true))
}

#[test]
fn values_stay_values() {
    let page = hostile().markdown();
    let mut text = page.clone();
    for tag in ["details", "summary", "code", "b", "i", "br"] {
        text = text.replace(&format!("<{tag}>"), "").replace(&format!("</{tag}>"), "");
    }
    assert!(!text.contains(['<', '`', '\u{1b}', '\u{202e}', '@', '[', '\\']), "{text}");
    let columns = |line: &str| line.matches('|').count();
    for rows in page.lines().collect::<Vec<_>>().windows(2).filter(|rows| rows.iter().all(|row| row.starts_with('|'))) {
        assert_eq!(columns(rows[0]), columns(rows[1]), "{rows:?}");
    }
    insta::assert_snapshot!("hostile_markdown", page);
    insta::assert_snapshot!("hostile_mermaid", hostile().mermaid());
    insta::assert_snapshot!("hostile_text", hostile());
}

#[test]
fn no_page_grows_without_bounds() {
    let services = (0..1000).map(|number| {
        let name = format!("service-{number}");
        let mut fields = plans::image(&name, "7", 40);
        if number > 0 {
            let all: Vec<_> = (0..number).rev().take(3).map(|number| format!("service-{number}")).collect();
            fields["depends_on"] = json!(all);
        }
        let old = plans::pinned(&name, &fields);
        fields["artifact"]["image"]["reference"] = json!("localhost:5000/other:8");
        plans::input(Goal::Run(plans::pinned(&name, &fields)), plans::deployed(&old, true), plans::caps(true))
    });
    let plan = plan(services.collect()).unwrap();
    let (page, chart) = (plan.markdown(), plan.mermaid());
    assert!(page.len() < 65_000, "{}", page.len());
    assert!(page.contains("left out") && page.contains("and 900 more"));
    let edges = chart.matches(" -->").count();
    let nodes = chart.lines().filter(|line| line.contains('[') && !line.contains("subgraph")).count();
    assert!(edges < 500 && nodes < 500, "{edges} edges, {nodes} nodes");
    let tail: Vec<_> = chart.lines().rev().take(2).collect();
    assert!(tail[0].contains("735 dependencies between") && tail[1].contains("and 603 more services"), "{tail:?}");
}
