//! The text of a plan with names in place of digests, so that it stays the same.

use std::fmt;

use deploykit_core::plan::{Plan, ServicePlan};

/// A plan, or a part of one, that has a text.
pub trait PlanText {
    /// The text as it is, digests and all.
    fn plan_text(&self) -> String;

    /// The text with names in place of digests: `[revision-1]`, `[secret-1]`, in the order in which they appear. Both
    /// forms of a revision, the short and the long one, have one name.
    ///
    /// Two plans that differ in nothing but digests have the same text, so that a snapshot of it tells what is done and
    /// not of what exactly. [`WithDigests`] keeps them.
    fn stable_text(&self) -> String {
        name_digests(&self.plan_text())
    }
}

impl PlanText for Plan {
    fn plan_text(&self) -> String {
        self.to_string()
    }
}

impl PlanText for ServicePlan {
    fn plan_text(&self) -> String {
        Plan { services: vec![self.clone()] }.to_string()
    }
}

impl<T: PlanText + ?Sized> PlanText for &T {
    fn plan_text(&self) -> String {
        (**self).plan_text()
    }

    fn stable_text(&self) -> String {
        (**self).stable_text()
    }
}

/// A plan whose text keeps its digests: for a snapshot that should fail when a revision becomes another.
#[derive(Clone, Copy)]
pub struct WithDigests<'a>(pub &'a dyn PlanText);

impl fmt::Debug for WithDigests<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.plan_text())
    }
}

impl PlanText for WithDigests<'_> {
    fn plan_text(&self) -> String {
        self.0.plan_text()
    }

    fn stable_text(&self) -> String {
        self.0.plan_text()
    }
}

/// A kind of digest: what it begins with, how many digits its short form has, and the name it gets.
struct Kind {
    prefix: &'static str,
    shortest: usize,
    name: &'static str,
}

const KINDS: [Kind; 2] =
    [Kind { prefix: "r1-", shortest: 12, name: "revision" }, Kind { prefix: "k1-", shortest: 12, name: "secret" }];

/// Puts names in place of the digests in a text, the same for the same: `[revision-1]`, `[secret-1]`. Columns stay
/// aligned: what a name is shorter than the digest is added where the column ends.
///
/// ```
/// use deploykit_testkit::name_digests;
///
/// let text = "start orders-r1-3f2a9c01be77-0, stop orders-r1-77aa01be3f2a-0, stop orders-r1-77aa01be3f2a-1";
/// let named = "start orders-[revision-1]-0, stop orders-[revision-2]-0, stop orders-[revision-2]-1";
/// assert_eq!(name_digests(text), named);
/// ```
pub fn name_digests(text: &str) -> String {
    let mut named = String::with_capacity(text.len());
    let mut known: [Vec<&str>; KINDS.len()] = Default::default();
    let mut rest = text;
    // So many columns are missing in this line.
    let mut missing = 0;
    while let Some(char) = rest.chars().next() {
        let digest = KINDS.iter().zip(&mut known).find_map(|(kind, known)| Some((kind, known, digest_at(rest, kind)?)));
        let length = if let Some((kind, known, digits)) = digest {
            let short = &digits[..kind.shortest];
            let number = known.iter().position(|other| *other == short).unwrap_or_else(|| {
                known.push(short);
                known.len() - 1
            });
            let name = format!("[{}-{}]", kind.name, number + 1);
            named.push_str(&name);
            let length = kind.prefix.len() + digits.len();
            missing += length.saturating_sub(name.len());
            length
        } else {
            if rest.starts_with("  ") || char == '\n' {
                let columns = std::mem::take(&mut missing);
                named.extend(std::iter::repeat_n(' ', if char == '\n' { 0 } else { columns }));
            }
            named.push(char);
            char.len_utf8()
        };
        rest = &rest[length..];
    }
    named
}

/// The digits of the digest of this kind that the text begins with.
fn digest_at<'a>(text: &'a str, kind: &Kind) -> Option<&'a str> {
    let digits = text.strip_prefix(kind.prefix)?;
    let end = digits.find(|c: char| !matches!(c, '0'..='9' | 'a'..='f')).unwrap_or(digits.len());
    (end >= kind.shortest).then(|| &digits[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_named_in_the_order_they_appear() {
        let long = format!("r1-0123456789ab{}", "0".repeat(52));
        let text = format!(
            "orders-r1-ffffffffffff-0 gives way to orders-r1-0123456789ab-0 ({long}); \
             DB_PASSWORD k1-0123456789abcdef0123456789abcdef, r1-short stays"
        );
        assert_eq!(
            name_digests(&text),
            "orders-[revision-1]-0 gives way to orders-[revision-2]-0 ([revision-2]); \
             DB_PASSWORD [secret-1], r1-short stays"
        );
    }

    #[test]
    fn columns_stay_aligned() {
        let text = "rounds                    ready\n\
                    start  r1-0123456789ab-0      1\n\
                    stop   r1-0123456789ab-10     2  at r1-0123456789ab\n\
                    waits    3\n";
        let named = "rounds                    ready\n\
                     start  [revision-1]-0         1\n\
                     stop   [revision-1]-10        2  at [revision-1]\n\
                     waits    3\n";
        assert_eq!(name_digests(text), named);
    }

    #[test]
    fn other_text_is_left_alone() {
        assert_eq!(name_digests("r1-→ k1- ¶ r1-0123"), "r1-→ k1- ¶ r1-0123");
    }
}
