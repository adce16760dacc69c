use std::fmt;
use std::str::FromStr;

use super::{QuantityError, Share, text_quantity};

/// A number of instances, or a share of the wanted number: `2` or `25%`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Amount {
    /// So many instances.
    Count(u32),
    /// A share of the wanted number of instances.
    Share(Share),
}

impl Amount {
    const HINT: &'static str = "write a whole number or a percentage, like 2 or 25%";

    /// The number this stands for out of `whole`, a share rounded up. Surge is rounded so.
    pub fn up(self, whole: u32) -> u32 {
        match self {
            Self::Count(count) => count,
            Self::Share(share) => share.of_up(whole),
        }
    }

    /// The number this stands for out of `whole`, a share rounded down, never more than `whole`. Unavailable is rounded so.
    pub fn down(self, whole: u32) -> u32 {
        match self {
            Self::Count(count) => count.min(whole),
            Self::Share(share) => share.of_down(whole),
        }
    }

    /// Whether it was written as nothing: `0` or `0%`.
    pub fn is_zero(self) -> bool {
        matches!(self, Self::Count(0) | Self::Share(Share::NONE))
    }
}

impl FromStr for Amount {
    type Err = QuantityError;
    fn from_str(text: &str) -> Result<Self, QuantityError> {
        let error = || QuantityError::new(text, "a number of instances", Self::HINT);
        if text.ends_with('%') {
            return text.parse().map(Self::Share).map_err(|_| error());
        }
        if !text.bytes().all(|b| b.is_ascii_digit()) {
            return Err(error());
        }
        text.parse().map(Self::Count).map_err(|_| error())
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count(count) => write!(f, "{count}"),
            Self::Share(share) => write!(f, "{share}"),
        }
    }
}

text_quantity!(Amount, "a number of instances, like 2 or 25%", "^([0-9]+|[0-9]{1,3}(\\.[0-9]{1,2})?%)$");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn surge_rounds_up_and_unavailable_down() {
        let quarter: Amount = "25%".parse().unwrap();
        assert_eq!((quarter.up(10), quarter.down(10)), (3, 2));
        let five: Amount = "5".parse().unwrap();
        assert_eq!((five.up(3), five.down(3)), (5, 3));
    }

    #[test]
    fn numbers_and_texts_mean_the_same() {
        assert_eq!(serde_json::from_str::<Amount>("2").unwrap(), serde_json::from_str::<Amount>("\"2\"").unwrap());
        assert!(serde_json::from_str::<Amount>("2.5").is_err());
        assert!(serde_json::from_str::<Amount>("-1").is_err());
    }
}
