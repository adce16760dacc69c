//! Shares of requests add up to everything, however they come about.
#![expect(clippy::unwrap_used, reason = "a test ends where something is not as it should be")]

use deploykit_core::spec::{Artifact, ServiceSpec};
use deploykit_core::units::Share;
use deploykit_core::{Pins, Revision, Shares, Split};

fn revision(image: &str) -> Revision {
    Revision::of(&ServiceSpec::builder("a", Artifact::image(image)).build().unwrap(), &Pins::default())
}

#[test]
fn shares_that_do_not_add_up_are_refused() {
    let (one, two) = (revision("one"), revision("two"));
    let shares = |first: u8, second: u8| {
        let pairs = [(one.clone(), Share::percent(first)), (two.clone(), Share::percent(second))];
        Shares::weighted(pairs).map_err(|error| error.to_string())
    };
    assert!(shares(10, 90).is_ok());
    assert_eq!(shares(10, 80), Err("the shares add up to 90.00% and not to 100%".to_owned()));
    assert_eq!(shares(100, 1), Err("the shares add up to 101.00% and not to 100%".to_owned()));
    assert_eq!(shares(0, 0), Err("the shares add up to 0.00% and not to 100%".to_owned()));
    assert!(Shares::weighted([]).is_err());
    let short = Shares::weighted([(one, Share::from_basis_points(9_999).unwrap())]);
    assert_eq!(short.unwrap_err().to_string(), "the shares add up to 99.99% and not to 100%");
}

/// A revision that is given twice counts once, with its last share.
#[test]
fn a_revision_has_one_share() {
    let one = revision("one");
    let twice = [(one.clone(), Share::percent(50)), (one.clone(), Share::percent(50))];
    assert!(Shares::weighted(twice).is_err());
    let twice = [(one.clone(), Share::percent(50)), (one.clone(), Share::ALL)];
    assert_eq!(Shares::weighted(twice).unwrap(), Shares::all(one));
}

#[test]
fn nothing_is_left_out() {
    let (one, two) = (revision("one"), revision("two"));
    let shares = Shares::weighted([(one.clone(), Share::ALL), (two.clone(), Share::NONE)]).unwrap();
    assert_eq!(shares, Shares::all(one.clone()));
    assert_eq!((shares.of(&one), shares.of(&two)), (Some(Share::ALL), Some(Share::NONE)));
    assert_eq!(Shares::Even.of(&one), None);
}

#[test]
fn what_is_read_has_to_add_up_too() {
    let (one, two) = (revision("one"), revision("two"));
    let text = |first: &str, second: &str| {
        format!(r#"{{"shares": {{"weighted": {{"{one:#}": "{first}", "{two:#}": "{second}"}}}}}}"#)
    };
    let split: Split = serde_json::from_str(&text("0.5%", "99.5%")).unwrap();
    assert_eq!(split.shares.of(&one), Share::from_basis_points(50));
    assert_eq!(serde_json::from_str::<Split>(&serde_json::to_string(&split).unwrap()).unwrap(), split);
    let error = serde_json::from_str::<Split>(&text("0.5%", "99.4%")).unwrap_err().to_string();
    assert!(error.starts_with("the shares add up to 99.90% and not to 100%"), "{error}");
}
