//! Durations in a spec, for `#[serde(with = "duration")]`: `500ms`, `10s`, `1m 30s`, `1h`.

use std::fmt;
use std::time::Duration;

use serde::{Deserializer, Serializer};

use super::QuantityError;

const HINT: &str = "write it with a unit, like 500ms, 10s, 1m 30s or 1h";

/// The longest duration a spec may hold: a year. Anything longer is a typing error.
pub const MAX: Duration = Duration::from_hours(366 * 24);

/// Reads a duration with a unit.
///
/// # Errors
/// [`QuantityError`] if it is not one, or longer than [`MAX`].
pub fn parse(text: &str) -> Result<Duration, QuantityError> {
    let error = || QuantityError::new(text, "a duration", HINT);
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    let duration = humantime::parse_duration(text).map_err(|_| error())?;
    if duration > MAX {
        return Err(QuantityError::new(text, "a duration of at most a year", HINT));
    }
    Ok(duration)
}

/// The shortest form of a duration: `90s` is `1m 30s`.
pub fn format(duration: Duration) -> impl fmt::Display {
    humantime::format_duration(duration)
}

/// Writes a duration with its unit.
pub fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format(*duration))
}

/// Reads a duration with its unit.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    struct Visitor;
    impl serde::de::Visitor<'_> for Visitor {
        type Value = Duration;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a duration with a unit, like 500ms, 10s or 5m")
        }
        fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Duration, E> {
            parse(text).map_err(E::custom)
        }
        fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<Duration, E> {
            self.visit_str(&number.to_string())
        }
    }
    deserializer.deserialize_any(Visitor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_required() {
        assert_eq!(parse("1m 30s").unwrap(), Duration::from_secs(90));
        assert_eq!(parse("500ms").unwrap(), Duration::from_millis(500));
        assert_eq!(parse("0").unwrap(), Duration::ZERO);
        assert!(parse("10").is_err());
        assert!(parse("-1s").is_err());
        assert!(parse("10y").is_err());
    }

    #[test]
    fn prints_what_it_reads() {
        for text in ["500ms", "10s", "1m 30s", "2h"] {
            assert_eq!(format(parse(text).unwrap()).to_string(), text);
        }
    }
}
