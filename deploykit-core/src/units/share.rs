use std::fmt;
use std::str::FromStr;

use super::{QuantityError, decimal, text_quantity};

/// A part of a whole in basis points, hundredths of a percent: `25%` is 2,500 of 10,000.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Share(u16);

impl Share {
    const HINT: &'static str = "write a percentage from 0% to 100%, with at most two decimals, like 25% or 0.5%";

    /// Nothing.
    pub const NONE: Self = Self(0);
    /// All of it.
    pub const ALL: Self = Self(10_000);

    /// So many basis points; `None` above 10,000.
    pub const fn from_basis_points(points: u16) -> Option<Self> {
        if points <= 10_000 { Some(Self(points)) } else { None }
    }

    /// So many percent; more than 100 counts as 100.
    pub const fn percent(percent: u8) -> Self {
        if percent >= 100 { Self::ALL } else { Self(percent as u16 * 100) }
    }

    /// Basis points, 0 to 10,000.
    pub const fn basis_points(self) -> u16 {
        self.0
    }

    /// What is left of the whole.
    #[must_use]
    pub const fn rest(self) -> Self {
        Self(10_000 - self.0)
    }

    /// This share of `count`, rounded up.
    pub fn of_up(self, count: u32) -> u32 {
        let product = u64::from(count) * u64::from(self.0);
        u32::try_from(product.div_ceil(10_000)).unwrap_or(count)
    }

    /// This share of `count`, rounded down.
    pub fn of_down(self, count: u32) -> u32 {
        let product = u64::from(count) * u64::from(self.0);
        u32::try_from(product / 10_000).unwrap_or(count)
    }
}

impl FromStr for Share {
    type Err = QuantityError;
    fn from_str(text: &str) -> Result<Self, QuantityError> {
        let error = || QuantityError::new(text, "a percentage", Self::HINT);
        let (whole, millionths) = text.strip_suffix('%').and_then(decimal).ok_or_else(error)?;
        if millionths % 10_000 != 0 || whole > 100 {
            return Err(error());
        }
        let points = whole * 100 + millionths / 10_000;
        u16::try_from(points).ok().and_then(Self::from_basis_points).ok_or_else(error)
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, rest) = (self.0 / 100, self.0 % 100);
        let text = match (rest, rest % 10) {
            (0, _) => format!("{whole}%"),
            (_, 0) => format!("{whole}.{}%", rest / 10),
            _ => format!("{whole}.{rest:02}%"),
        };
        f.pad(&text)
    }
}

text_quantity!(Share, "a percentage, like 25% or 0.5%", "^(100(\\.0{1,2})?|[0-9]{1,2}(\\.[0-9]{1,2})?)%$");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentages_are_exact() {
        for (text, points) in [("25%", 2500), ("0.5%", 50), ("0.05%", 5), ("100%", 10_000), ("33.33%", 3333)] {
            let share: Share = text.parse().unwrap();
            assert_eq!(share.basis_points(), points);
            assert_eq!(share.to_string(), text);
        }
        for bad in ["25", "101%", "100.01%", "0.001%", "-1%", "%", "1e1%"] {
            assert!(bad.parse::<Share>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn rounds_up_or_down() {
        assert_eq!(Share::percent(25).of_up(10), 3);
        assert_eq!(Share::percent(25).of_down(10), 2);
        assert_eq!(Share::ALL.of_up(u32::MAX), u32::MAX);
    }
}
