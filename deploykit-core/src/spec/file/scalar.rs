//! What a plain scalar of YAML stands for: the core schema of YAML 1.2.

use super::node::Kind;

/// The value of a plain scalar. `yes`, `on` and `0644` are not what they were in YAML 1.1.
pub(super) fn resolve(text: &str) -> Kind {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Kind::Null,
        "true" | "True" | "TRUE" => Kind::Bool(true),
        "false" | "False" | "FALSE" => Kind::Bool(false),
        ".nan" | ".NaN" | ".NAN" => Kind::Float(f64::NAN),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => Kind::Float(f64::INFINITY),
        "-.inf" | "-.Inf" | "-.INF" => Kind::Float(f64::NEG_INFINITY),
        _ => number(text).unwrap_or(Kind::Text),
    }
}

fn number(text: &str) -> Option<Kind> {
    for (prefix, radix) in [("0x", 16), ("0o", 8)] {
        if let Some(digits) = text.strip_prefix(prefix) {
            let all_digits = !digits.is_empty() && digits.chars().all(|c| c.is_digit(radix));
            return all_digits
                .then(|| u64::from_str_radix(digits, radix).map_or(Kind::Float(f64::MAX), Kind::Unsigned));
        }
    }
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    if !unsigned.is_empty() && unsigned.bytes().all(|b| b.is_ascii_digit()) {
        return Some(integer(text));
    }
    is_float(unsigned).then(|| text.parse().ok().map(Kind::Float)).flatten()
}

/// A decimal whole number; one that is too large for every field is kept as a float.
pub(super) fn integer(text: &str) -> Kind {
    let unsigned = text.parse().map(Kind::Unsigned);
    unsigned
        .or_else(|_| text.parse().map(Kind::Signed))
        .unwrap_or_else(|_| Kind::Float(text.parse().unwrap_or(f64::MAX)))
}

fn is_float(text: &str) -> bool {
    let digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
    let (mantissa, exponent) = text.split_once(['e', 'E']).map_or((text, None), |(m, e)| (m, Some(e)));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let exponent_digits = exponent.map(|e| e.strip_prefix(['-', '+']).unwrap_or(e));
    digits(whole)
        && digits(fraction)
        && !(whole.is_empty() && fraction.is_empty())
        && exponent_digits.is_none_or(|e| !e.is_empty() && digits(e))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_core_schema() {
        let kind = |text| match resolve(text) {
            Kind::Null => "null".to_owned(),
            Kind::Bool(value) => value.to_string(),
            Kind::Unsigned(value) => format!("u{value}"),
            Kind::Signed(value) => format!("i{value}"),
            Kind::Float(value) => format!("f{value}"),
            _ => "text".to_owned(),
        };
        for (text, expected) in [
            ("", "null"),
            ("~", "null"),
            ("null", "null"),
            ("nULL", "text"),
            ("true", "true"),
            ("FALSE", "false"),
            ("yes", "text"),
            ("on", "text"),
            ("0", "u0"),
            ("0644", "u644"),
            ("+5", "u5"),
            ("-5", "i-5"),
            ("0o17", "u15"),
            ("0xfF", "u255"),
            ("0o8", "text"),
            ("0x", "text"),
            ("-0x1", "text"),
            ("1_000", "text"),
            ("12:30", "text"),
            ("1.5", "f1.5"),
            (".5", "f0.5"),
            ("5.", "f5"),
            ("1e3", "f1000"),
            ("-1.5E-1", "f-0.15"),
            ("+1.0", "f1"),
            (".", "text"),
            ("e3", "text"),
            ("1e", "text"),
            ("1.2.3", "text"),
            ("-", "text"),
            ("+", "text"),
            (".inf", "finf"),
            ("-.INF", "f-inf"),
            ("inf", "text"),
            ("NaN", "text"),
            ("18446744073709551615", "u18446744073709551615"),
            ("99999999999999999999", "f100000000000000000000"),
        ] {
            assert_eq!(kind(text), expected, "{text:?}");
        }
    }
}
