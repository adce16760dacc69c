use std::str::FromStr;
use std::time::Duration;

use crate::units::{Amount, Cpu, Memory, QuantityError, Share, duration};

/// A quantity, or the text that a file would have for it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Written<T> {
    /// The quantity.
    Value(T),
    /// The text.
    Text(String),
}

/// A kind of quantity that has a text.
pub(super) trait Quantity: Sized {
    fn read(text: &str) -> Result<Self, QuantityError>;

    fn of(written: Written<Self>) -> Result<Self, QuantityError> {
        match written {
            Written::Value(value) => Ok(value),
            Written::Text(text) => Self::read(&text),
        }
    }
}

impl<T> From<&str> for Written<T> {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl<T> From<String> for Written<T> {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

macro_rules! quantity {
    ($($type:ty => $read:expr),+ $(,)?) => {
        $(
            impl Quantity for $type {
                fn read(text: &str) -> Result<Self, QuantityError> {
                    $read(text)
                }
            }

            impl From<$type> for Written<$type> {
                fn from(value: $type) -> Self {
                    Self::Value(value)
                }
            }
        )+
    };
}

quantity! {
    Amount => FromStr::from_str,
    Cpu => FromStr::from_str,
    Memory => FromStr::from_str,
    Share => FromStr::from_str,
    Duration => duration::parse,
}

/// A number of instances.
impl From<u32> for Written<Amount> {
    fn from(count: u32) -> Self {
        Self::Value(Amount::Count(count))
    }
}
