//! Names: short, checked when made, cheap to clone.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// A name that breaks the rule of its kind.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{given}` is not a {kind}: {rule}")]
pub struct NameError {
    kind: &'static str,
    given: String,
    rule: &'static str,
}

/// The part of RFC 1123 labels that every target takes: it must begin with a letter, as a Kubernetes Service requires.
fn is_dns_label(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_lowercase())
        && !text.ends_with('-')
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $kind:literal, $rule:expr, $check:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Arc<str>);

        impl $name {
            /// Checks `name` against the rule of its kind.
            ///
            /// # Errors
            /// [`NameError`] with the rule, if it is broken.
            pub fn new(name: impl AsRef<str>) -> Result<Self, NameError> {
                let name = name.as_ref();
                let check: fn(&str) -> bool = $check;
                if check(name) {
                    Ok(Self(Arc::from(name)))
                } else {
                    Err(NameError { kind: $kind, given: name.chars().take(80).collect(), rule: $rule })
                }
            }

            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&*self.0, f)
            }
        }

        impl TryFrom<String> for $name {
            type Error = NameError;
            fn try_from(name: String) -> Result<Self, NameError> {
                Self::new(name)
            }
        }

        impl std::str::FromStr for $name {
            type Err = NameError;
            fn from_str(name: &str) -> Result<Self, NameError> {
                Self::new(name)
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0.as_ref().to_owned()
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        #[cfg(feature = "schema")]
        impl schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }
            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({ "type": "string", "description": concat!("A ", $kind, ".") })
            }
        }
    };
}

name! {
    /// The name of a service: 1 to 40 characters of `a-z`, `0-9` and `-`, beginning with a letter.
    ///
    /// Forty, so that an instance's name, which adds a revision and an ordinal, stays within the 63
    /// characters of a DNS label (RFC 1035) on every target.
    ServiceName, "service name",
    "it must have 1 to 40 characters of a-z, 0-9 and `-`, begin with a letter and not end with `-`",
    |s| s.len() <= 40 && is_dns_label(s)
}

name! {
    /// The name that a program gave to one of its targets, such as `docker` or `eu-production`.
    TargetName, "target name",
    "it must have 1 to 200 printable characters and no white space",
    |s| !s.is_empty() && s.len() <= 200 && s.chars().all(|c| c.is_ascii_graphic())
}

name! {
    /// The name of a port of a service: 1 to 15 characters, as for an IANA service name (RFC 6335).
    PortName, "port name",
    "it must have 1 to 15 characters of a-z, 0-9 and `-`, begin with a letter and not end with `-`",
    |s| s.len() <= 15 && is_dns_label(s)
}

name! {
    /// The name of an environment variable, as POSIX has it: letters, digits and `_`, not beginning with a digit.
    VarName, "variable name",
    "it must have 1 to 200 letters, digits and `_`, and not begin with a digit",
    |s| s.len() <= 200
        && s.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && s.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn service_names_fit_every_target() {
        for good in ["a", "orders", "restaurant-service", "v2"] {
            assert_eq!(ServiceName::new(good).map(String::from), Ok(good.to_owned()));
        }
        for bad in ["", "-a", "a-", "A", "1a", "a_b", "a.b", &"a".repeat(41)] {
            assert!(ServiceName::new(bad).is_err(), "{bad:?} was taken");
        }
    }

    #[test]
    fn a_refused_name_says_the_rule() {
        let error = ServiceName::new("Orders").map(drop).map_err(|e| e.to_string());
        assert_eq!(
            error,
            Err("`Orders` is not a service name: it must have 1 to 40 characters of a-z, 0-9 and `-`, \
                 begin with a letter and not end with `-`"
                .into())
        );
    }

    #[test]
    fn variable_names_follow_posix() {
        assert!(VarName::new("LOG_LEVEL").is_ok());
        assert!(VarName::new("_x1").is_ok());
        assert!(VarName::new("1X").is_err());
        assert!(VarName::new("A-B").is_err());
    }
}
