//! Names that were meant.

/// The known name that is nearest to what was written, if one is near. `maxSurge` is near to `max_surge`.
pub(super) fn nearest<'k>(written: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    const LONGEST: usize = 64;
    if written.len() > LONGEST {
        return None;
    }
    let plain = |name: &str| name.to_ascii_lowercase().replace(['_', '-'], "");
    let wanted = plain(written);
    known
        .into_iter()
        .map(|name| (strsim::damerau_levenshtein(&wanted, &plain(name)), name))
        .filter(|(distance, name)| *distance <= (name.len().min(written.len()) / 3).max(1) && *distance < written.len())
        .min()
        .map(|(_, name)| name)
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
        assert_eq!(near("environment"), None);
        assert_eq!(near("x"), None);
        assert_eq!(near("zzz"), None);
    }
}
