use std::fmt;
use std::str::FromStr;

use super::{QuantityError, decimal, text_quantity};

/// Processor time in thousandths of a core: `500m` is half a core, `2` is two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cpu(u64);

impl Cpu {
    const HINT: &'static str = "write it in cores or thousandths of a core, like 2, 0.5 or 500m";

    /// So many thousandths of a core.
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// Thousandths of a core.
    pub const fn as_millis(self) -> u64 {
        self.0
    }
}

impl FromStr for Cpu {
    type Err = QuantityError;
    fn from_str(text: &str) -> Result<Self, QuantityError> {
        let error = || QuantityError::new(text, "an amount of CPU", Self::HINT);
        if let Some(millis) = text.strip_suffix('m') {
            if !millis.bytes().all(|b| b.is_ascii_digit()) {
                return Err(error());
            }
            return millis.parse().map(Self).map_err(|_| error());
        }
        let (whole, millionths) = decimal(text).ok_or_else(error)?;
        if millionths % 1000 != 0 {
            return Err(error());
        }
        whole.checked_mul(1000).and_then(|m| m.checked_add(millionths / 1000)).map(Self).ok_or_else(error)
    }
}

impl fmt::Display for Cpu {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_multiple_of(1000) { write!(f, "{}", self.0 / 1000) } else { write!(f, "{}m", self.0) }
    }
}

text_quantity!(Cpu, "an amount of CPU, like 2, 0.5 or 500m", "^([0-9]+m|[0-9]+(\\.[0-9]{1,3})?)$");

/// Memory in bytes: `256Mi` is 256 × 1024², `1G` is 10⁹.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Memory(u64);

const MEMORY_UNITS: [(&str, u64); 9] = [
    ("Ti", 1 << 40),
    ("Gi", 1 << 30),
    ("Mi", 1 << 20),
    ("Ki", 1 << 10),
    ("T", 1_000_000_000_000),
    ("G", 1_000_000_000),
    ("M", 1_000_000),
    ("k", 1_000),
    ("", 1),
];

impl Memory {
    const HINT: &'static str = "write it in bytes or with a unit, like 268435456, 256Mi, 1.5Gi or 512M";

    /// So many bytes.
    pub const fn from_bytes(bytes: u64) -> Self {
        Self(bytes)
    }

    /// Bytes.
    pub const fn as_bytes(self) -> u64 {
        self.0
    }
}

impl FromStr for Memory {
    type Err = QuantityError;
    fn from_str(text: &str) -> Result<Self, QuantityError> {
        let error = || QuantityError::new(text, "an amount of memory", Self::HINT);
        let digits = text.find(|c: char| c != '.' && !c.is_ascii_digit()).unwrap_or(text.len());
        let (number, unit) = text.split_at(digits);
        let (_, factor) = MEMORY_UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(error)?;
        let (whole, millionths) = decimal(number).ok_or_else(error)?;
        let bytes = (u128::from(whole) * 1_000_000 + u128::from(millionths)) * u128::from(*factor);
        if bytes % 1_000_000 != 0 {
            return Err(error());
        }
        u64::try_from(bytes / 1_000_000).map(Self).map_err(|_| error())
    }
}

impl fmt::Display for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fits = |unit: &&(&str, u64)| self.0 != 0 && self.0.is_multiple_of(unit.1);
        let (unit, factor) = MEMORY_UNITS.iter().find(fits).unwrap_or(&("", 1));
        write!(f, "{}{unit}", self.0 / factor)
    }
}

text_quantity!(Memory, "an amount of memory, like 256Mi, 1.5Gi or 512M", "^[0-9]+(\\.[0-9]{1,6})?([KMGT]i|[kMGT])?$");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_forms_people_know() {
        let cpu = |s: &str| s.parse::<Cpu>().map(Cpu::as_millis);
        assert_eq!([cpu("500m"), cpu("0.5"), cpu("2"), cpu("1.250")], [Ok(500), Ok(500), Ok(2000), Ok(1250)]);
        let memory = |s: &str| s.parse::<Memory>().map(Memory::as_bytes);
        assert_eq!([memory("256Mi"), memory("1.5Ki"), memory("1k")], [Ok(268_435_456), Ok(1536), Ok(1000)]);
    }

    #[test]
    fn one_quantity_has_one_printed_form() {
        for (written, printed) in [("1024Mi", "1Gi"), ("1000M", "1G"), ("1536Mi", "1536Mi"), ("0", "0")] {
            assert_eq!(written.parse::<Memory>().unwrap().to_string(), printed);
        }
        assert_eq!("1.5".parse::<Cpu>().unwrap().to_string(), "1500m");
        assert_eq!("3000m".parse::<Cpu>().unwrap().to_string(), "3");
    }

    #[test]
    fn nothing_else_is_taken() {
        for bad in ["", "m", "-1", "1.0001", "1e3", "0x1", "99999999999999999999", " 1", ".5", "+5m"] {
            assert!(bad.parse::<Cpu>().is_err(), "cpu {bad:?}");
        }
        for bad in ["", "Mi", "1 Gi", "1gi", "1GB", "0.3", "99999999999999999999Ti", "-1"] {
            assert!(bad.parse::<Memory>().is_err(), "memory {bad:?}");
        }
    }
}
