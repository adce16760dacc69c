//! Values that somebody wrote, made fit to be shown.

use std::fmt::Write as _;

/// A text on one line in which everything can be seen: what would move the cursor, change colours or reorder letters
/// is escaped.
pub(super) fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '\n' => shown.push_str("\\n"),
            '\t' => shown.push_str("\\t"),
            '\r' => shown.push_str("\\r"),
            _ if is_hidden(char) => {
                let _ = write!(shown, "\\u{{{:x}}}", u32::from(char));
            }
            _ => shown.push(char),
        }
    }
    let edge = |char: Option<char>| char.is_none_or(char::is_whitespace);
    if edge(shown.chars().next()) || edge(shown.chars().last()) { format!("\"{shown}\"") } else { shown }
}

fn is_hidden(char: char) -> bool {
    char.is_control()
        || matches!(char,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// The number of columns a text takes, as far as that can be told without tables: one for each character.
pub(super) fn width(text: &str) -> usize {
    text.chars().count()
}

/// The beginning of a text, at most so wide.
pub(super) fn cut(text: &str, most: usize) -> String {
    if width(text) <= most {
        return text.to_owned();
    }
    let begin: String = text.chars().take(most.saturating_sub(1)).collect();
    format!("{begin}…")
}

/// An old and a new value, each at most so wide, so that one still sees where they differ.
pub(super) fn pair(old: &str, new: &str, most: usize) -> (String, String) {
    let (old, new) = (visible(old), visible(new));
    let (short_old, short_new) = (short_digests(&old), short_digests(&new));
    let (old, new) = if short_old == short_new { (old, new) } else { (short_old, short_new) };
    if width(&old) + width(&new) <= most {
        return (old, new);
    }
    let begin = common_begin(&old, &new, most / 2);
    let skip = |text: &str| if begin == 0 { text.to_owned() } else { format!("…{}", &text[begin..]) };
    (cut(&skip(&old), most), cut(&skip(&new), most))
}

/// A value alone, at most so wide.
pub(super) fn single(value: &str, most: usize) -> String {
    cut(&short_digests(&visible(value)), most)
}

/// The length of what both begin with and need not be shown: up to the last mark between words, or, if that would show
/// more than `most` of what is the same, up to a little before they differ.
fn common_begin(one: &str, two: &str, most: usize) -> usize {
    let differ = one.char_indices().zip(two.chars()).find(|((_, a), b)| a != b);
    let same = &one[..differ.map_or(one.len().min(two.len()), |((at, _), _)| at)];
    let mark = same.rfind(|char: char| !char.is_alphanumeric() && char != '.').unwrap_or(0);
    if width(&same[mark..]) <= most {
        // What takes hardly more room than its ellipsis stays.
        return if mark <= 8 { 0 } else { mark };
    }
    same.char_indices().rev().nth(2).map_or(0, |(at, _)| at)
}

/// Digests cut to their first 12 digits.
fn short_digests(text: &str) -> String {
    const BEGIN: &str = "sha256:";
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(BEGIN) {
        let (before, after) = rest.split_at(at + BEGIN.len());
        shown.push_str(before);
        let digits = after.bytes().take_while(u8::is_ascii_hexdigit).count();
        let shown_digits = if digits == 64 { 12 } else { digits };
        shown.push_str(&after[..shown_digits]);
        shown.push_str(if digits == 64 { "…" } else { "" });
        rest = &after[digits..];
    }
    shown.push_str(rest);
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_can_hide() {
        assert_eq!(visible("a\u{1b}[31mb\nc\u{202e}d\u{200b}"), "a\\u{1b}[31mb\\nc\\u{202e}d\\u{200b}");
        assert_eq!([visible(""), visible(" a"), visible("é")], ["\"\"", "\" a\"", "é"]);
    }

    #[test]
    fn long_values_are_cut_where_they_are_the_same() {
        let image = |tag| format!("registry.example/kitchen/restaurant-service:{tag}");
        let (old, new) = pair(&image("1.2.0"), &image("1.3.0"), 60);
        assert_eq!((old.as_str(), new.as_str()), ("…:1.2.0", "…:1.3.0"));
        assert_eq!(pair("1", "2", 60), ("1".to_owned(), "2".to_owned()));
        let (old, new) = pair(&"a".repeat(100), &"b".repeat(100), 10);
        assert_eq!((old.as_str(), new.as_str()), ("aaaaaaaaa…", "bbbbbbbbb…"));
        let (old, new) = pair(&"ä".repeat(100), &format!("{}b", "ä".repeat(100)), 10);
        assert_ne!(old, new);
    }

    #[test]
    fn digests_are_cut_unless_that_makes_them_equal() {
        let (one, two) = (format!("sha256:{}", "a".repeat(64)), format!("sha256:{}b", "a".repeat(63)));
        assert_eq!(single(&format!("x@{one}, 4 bytes"), 60), "x@sha256:aaaaaaaaaaaa…, 4 bytes");
        let (old, new) = pair(&one, &two, 200);
        assert_ne!(old, new);
    }
}
