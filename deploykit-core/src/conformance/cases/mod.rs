//! The cases, by what they are about.

mod basics;
mod books;
mod instances;
mod lease;
mod platform;
mod robust;
mod route;
mod streams;
mod whole;

use super::Case;

macro_rules! collect {
    ([] $($module:ident :: { $($name:ident),+ $(,)? })+) => {
        pub(super) fn all() -> Vec<Case> {
            vec![$($($module::$name()),+),+]
        }
    };
}

crate::conformance_cases!(collect, []);
