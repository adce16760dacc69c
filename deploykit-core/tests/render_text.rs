//! Plans as text.

mod support {
    pub(crate) mod plans;
}

use support::plans;

#[test]
fn every_kind_of_plan() {
    for (name, plan) in plans::all() {
        insta::assert_snapshot!(name, plan);
    }
}
