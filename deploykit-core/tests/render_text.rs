//! Plans as text.

mod support {
    pub(crate) mod plans;
}

use deploykit_core::render::TextOptions;
use support::plans;

#[test]
fn every_kind_of_plan() {
    for (name, plan) in plans::all() {
        insta::assert_snapshot!(name, plan);
    }
}

#[test]
fn each_round_where_it_is_asked_for() {
    let mut options = TextOptions::default();
    options.all_rounds = true;
    let text = plans::long_roll().text(&options);
    assert_eq!(text.matches("    start ").count() + text.matches("  start ").count(), 25, "{text}");
    assert!(text.contains("\n    51  stop") && !text.contains("as 2 to 3"), "{text}");
}

#[test]
fn colours_change_nothing_else() {
    let mut options = TextOptions::default();
    options.color = true;
    for (name, plan) in plans::all() {
        let painted = plan.text(&options);
        assert!(painted.contains("\u{1b}[1m"), "{name}");
        let mut plain = String::new();
        let mut rest = painted.as_str();
        while let Some((before, after)) = rest.split_once("\u{1b}[") {
            plain.push_str(before);
            rest = after.split_once('m').expect("the end of a colour").1;
        }
        plain.push_str(rest);
        let plain: Vec<_> = plain.lines().map(str::trim_end).collect();
        assert_eq!(plain.join("\n"), plan.to_string(), "{name}");
    }
}

#[test]
fn a_narrow_page() {
    let mut options = TextOptions::default();
    options.width = 80;
    let text = plans::roll_with_router().text(&options);
    let changes: Vec<_> = text.lines().skip(2).take_while(|line| !line.starts_with("  rounds")).collect();
    assert!(changes.iter().all(|line| line.chars().count() <= 80), "{changes:#?}");
    insta::assert_snapshot!(changes.join("\n"));
}

#[test]
fn nothing_secret_and_no_white_space_at_line_ends() {
    for (name, plan) in plans::all() {
        let text = plan.to_string();
        assert!(!text.contains(plans::SECRET) && !plan.markdown().contains(plans::SECRET), "{name}");
        assert!(!plan.mermaid().contains(plans::SECRET) && !format!("{plan:?}").contains(plans::SECRET), "{name}");
        assert!(text.lines().all(|line| line.trim_end() == line), "{name}");
    }
}

/// The shares of a schedule that is folded still add up to all of its rounds.
#[test]
fn folding_hides_no_round() {
    for (name, plan) in plans::all() {
        let last = plan.services.iter().map(|service| service.rounds.len()).max().unwrap_or_default();
        let text = plan.to_string();
        assert!(last == 0 || text.contains(&format!("\n    {last}")), "{name}: {text}");
    }
}
