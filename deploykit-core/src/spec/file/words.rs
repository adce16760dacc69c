//! What a type error says to the person who wrote the file.

use super::node::{Kind, Node};
use crate::spec::text::clip;

/// What a value is, in words.
pub(super) fn found(node: &Node) -> String {
    match node.kind {
        Kind::Null => "nothing".to_owned(),
        Kind::Bool(_) => format!("`{}`", clip(&node.text)),
        Kind::Unsigned(_) | Kind::Signed(_) | Kind::Float(_) => format!("the number `{}`", clip(&node.text)),
        Kind::Text if node.text.is_empty() => "an empty string".to_owned(),
        Kind::Text => format!("the string `{}`", clip(&node.text)),
        Kind::Date => format!("the date `{}`", clip(&node.text)),
        Kind::List(_) => "a list".to_owned(),
        Kind::Map(_) | Kind::Cut => "a map".to_owned(),
    }
}

/// What a value is, without the value.
pub(super) fn found_kind(node: &Node) -> &'static str {
    match node.kind {
        Kind::Null => "nothing",
        Kind::Bool(_) => "a boolean",
        Kind::Unsigned(_) | Kind::Signed(_) | Kind::Float(_) => "a number",
        Kind::Text => "a string",
        Kind::Date => "a date",
        Kind::List(_) => "a list",
        Kind::Map(_) | Kind::Cut => "a map",
    }
}

/// What serde's types call themselves, in words.
pub(super) fn expected(text: &str) -> String {
    let largest = match text {
        "u8" => u64::from(u8::MAX),
        "u16" => u64::from(u16::MAX),
        "u32" => u64::from(u32::MAX),
        "u64" => u64::MAX,
        "a boolean" => return "`true` or `false`".to_owned(),
        "a sequence" => return "a list".to_owned(),
        _ if text.starts_with("struct ") => return "a map".to_owned(),
        _ => return text.to_owned(),
    };
    format!("a whole number from 0 to {largest}")
}

/// What to do about a value of the wrong type.
pub(super) fn hint(wanted: &str, node: &Node) -> Option<String> {
    let text = node.text.as_str();
    let wants_string = wanted.starts_with("a string");
    let wants_number = wanted.starts_with("a whole number");
    match node.kind {
        Kind::Null if wants_string => Some("write `\"\"` for an empty string, or take the field out".to_owned()),
        Kind::Null if wanted.starts_with("a map") => Some("write its fields below it, or take it out".to_owned()),
        Kind::Null => Some("write a value, or take the field out".to_owned()),
        Kind::Bool(_) | Kind::Unsigned(_) | Kind::Signed(_) | Kind::Float(_) | Kind::Date if wants_string => {
            Some(format!("put it in quotes: `\"{}\"`", clip(text)))
        }
        Kind::Text if wants_number && text.parse::<u64>().is_ok() => Some("take the quotes away".to_owned()),
        Kind::Text if wanted == "`true` or `false`" => match text {
            "true" | "false" => Some("take the quotes away".to_owned()),
            "yes" | "on" | "y" | "Yes" | "On" => Some("write `true`".to_owned()),
            "no" | "off" | "n" | "No" | "Off" => Some("write `false`".to_owned()),
            _ => None,
        },
        Kind::Text if wanted == "a list" => Some(list_of_words(text)),
        Kind::List(_) if wanted == "a map" => Some("write `name: value` for each, without a `-`".to_owned()),
        Kind::List(_) | Kind::Map(_) | Kind::Cut => None,
        // The first of the fields, which is the one that matters.
        _ => {
            let field = wanted.strip_prefix("a map with `")?.split('`').next()?;
            Some(format!("write its fields, like `{{{field}: ..}}`"))
        }
    }
}

fn list_of_words(text: &str) -> String {
    let words: Vec<_> = text.split_whitespace().take(4).map(|word| format!("\"{}\"", clip(word))).collect();
    let more = if text.split_whitespace().nth(4).is_some() { ", .." } else { "" };
    format!("write each part as an item: `[{}{more}]`", words.join(", "))
}
