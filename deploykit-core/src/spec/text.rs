//! Names and texts in messages.

use std::borrow::Cow;

/// What other tools call the same thing, in plain form.
const SYNONYMS: [(&str, &str); 16] = [
    ("name", "service"),
    ("environment", "env"),
    ("instances", "replicas"),
    ("scale", "replicas"),
    ("autoscaling", "autoscale"),
    ("scaling", "autoscale"),
    ("healthcheck", "probes"),
    ("health", "probes"),
    ("readiness", "ready"),
    ("readinessprobe", "ready"),
    ("liveness", "live"),
    ("livenessprobe", "live"),
    ("container", "image"),
    ("vm", "machine"),
    ("lambda", "function"),
    ("dependencies", "depends_on"),
];

/// The known name that is nearest to what was written, if one is near. `maxSurge` is near to `max_surge`.
pub(super) fn nearest<'k>(written: &str, known: impl IntoIterator<Item = &'k str> + Clone) -> Option<&'k str> {
    const LONGEST: usize = 64;
    if written.len() > LONGEST {
        return None;
    }
    let plain = |name: &str| name.to_ascii_lowercase().replace(['_', '-'], "");
    let wanted = plain(written);
    let synonym = SYNONYMS.iter().find(|(other, _)| *other == wanted).map(|(_, name)| *name);
    let same = known.clone().into_iter().find(|name| Some(*name) == synonym);
    let near = known
        .into_iter()
        .map(|name| (strsim::damerau_levenshtein(&wanted, &plain(name)), name))
        .filter(|(distance, name)| *distance <= (name.len().min(written.len()) / 3).max(1) && *distance < written.len())
        .min()
        .map(|(_, name)| name);
    near.or(same)
}

/// The names in quotes: `a`, `b` and `c`.
pub(super) fn enumerate<N: AsRef<str>>(names: &[N], and: &str) -> String {
    let quoted: Vec<_> = names.iter().map(|name| format!("`{}`", name.as_ref())).collect();
    match quoted.split_last() {
        None => "nothing".to_owned(),
        Some((last, [])) => last.clone(),
        Some((last, first)) => format!("{} {and} {last}", first.join(", ")),
    }
}

/// The parts of an error's text that say what is wrong and what to do. What a person wrote stands in backticks and may
/// hold anything.
pub(super) fn split_hint(text: &str) -> (&str, Option<&str>) {
    match text.rsplit_once("; ") {
        Some((message, hint)) if !hint.contains('`') => (message, Some(hint)),
        _ => (text, None),
    }
}

/// The beginning of a text, on one line.
pub(super) fn clip(text: &str) -> String {
    const MOST: usize = 80;
    let mut shown: String = text.chars().take(MOST).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    one_line(&shown).into_owned()
}

/// The text with everything escaped that is not printed on the line.
pub(super) fn one_line(text: &str) -> Cow<'_, str> {
    if !text.contains(char::is_control) {
        return Cow::Borrowed(text);
    }
    let line = text.chars().fold(String::with_capacity(text.len() + 8), |mut line, c| {
        if c.is_control() {
            line.extend(c.escape_default());
        } else {
            line.push(c);
        }
        line
    });
    Cow::Owned(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_near_names_are_suggested() {
        let known = ["replicas", "max_surge", "env", "cpu", "path", "port"];
        let near = |written| nearest(written, known);
        assert_eq!(near("replica"), Some("replicas"));
        assert_eq!(near("repilcas"), Some("replicas"));
        assert_eq!(near("maxSurge"), Some("max_surge"));
        assert_eq!(near("max-surge"), Some("max_surge"));
        assert_eq!(near("envs"), Some("env"));
        assert_eq!(near("pat"), Some("path"));
        assert_eq!(near("environment"), Some("env"));
        assert_eq!(near("instances"), Some("replicas"));
        assert_eq!(near("readiness"), None, "not a name here");
        assert_eq!(near("x"), None);
        assert_eq!(near("zzz"), None);
    }
}
