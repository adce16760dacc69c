//! A plan as Markdown, for a pull request: a table of services, and for each what is done, folded away.

use std::fmt::Write as _;

use super::headline::Kind;
use super::outline::{Body, Row, at_most_words, beyond, contents, headline, is_new, rollback_words, rows};
use super::summary::{at_most, steps, summary};
use super::text::drift_words;
use super::value::{cut, pair, single, visible};
use super::wait::count;
use crate::diff::{Change, ChangeClass};
use crate::plan::{Plan, ServicePlan};

/// Hosts cut a comment at about 65,000 characters; details that do not fit are left out as a whole.
const LONGEST: usize = 60_000;
/// So many rows of a table, or lines of a list.
const MOST_ROWS: usize = 100;
/// The widest value.
const WIDEST: usize = 120;

impl Plan {
    /// The plan as Markdown with tables and sections that open on a click, as code hosts show it.
    ///
    /// Values are escaped, so that none of them can become markup. It stays below the length that a comment may have.
    pub fn markdown(&self) -> String {
        let mut page = format!("### Deployment plan\n\n{}\n", plain(&summary(self)));
        let is_shown = |plan: &&ServicePlan| Kind::of(plan) != Kind::Unchanged || !plan.drift.is_empty();
        let shown: Vec<&ServicePlan> = self.services.iter().filter(is_shown).collect();
        if !shown.is_empty() {
            page.push_str(&overview(&shown));
        }
        let unchanged: Vec<_> = self.services.iter().filter(|plan| !is_shown(plan)).collect();
        if !unchanged.is_empty() {
            let names: Vec<_> = unchanged.iter().take(MOST_ROWS).map(|plan| plan.goal.service().as_str()).collect();
            let more = more(unchanged.len(), MOST_ROWS);
            let _ = write!(page, "\nUnchanged: {}{more}\n", names.join(", "));
        }
        let mut left_out = 0;
        for plan in shown {
            let details = details(plan);
            if page.len() + details.len() <= LONGEST {
                page.push_str(&details);
            } else {
                left_out += 1;
            }
        }
        if left_out > 0 {
            let details = count(left_out, "service", "services");
            let _ = write!(page, "\nThe details of {details} are left out; this page would be too long.\n");
        }
        page
    }
}

fn more(all: usize, shown: usize) -> String {
    if all > shown { format!(" and {} more", all - shown) } else { String::new() }
}

fn overview(shown: &[&ServicePlan]) -> String {
    let mut text = "\n| service | target | what | rounds | steps | at most |\n|---|---|---|--:|--:|--:|\n".to_owned();
    for plan in shown.iter().take(MOST_ROWS) {
        let cells = [
            format!("**{}**", plan.goal.service()),
            code(&cut(plan.target.as_str(), 60)),
            plain(&headline(plan)),
            plan.rounds.len().to_string(),
            steps(plan).to_string(),
            at_most_words(at_most(plan)),
        ];
        text.push_str(&table_row(&cells));
    }
    if shown.len() > MOST_ROWS {
        let _ = write!(text, "\n{}\n", more(shown.len(), MOST_ROWS).trim());
    }
    text
}

fn table_row(cells: &[String]) -> String {
    format!("| {} |\n", cells.join(" | "))
}

fn details(plan: &ServicePlan) -> String {
    let mut text =
        format!("\n<details>\n<summary><b>{}</b>: {}</summary>\n", plan.goal.service(), plain(&headline(plan)));
    let mut paragraph = |paragraph: String| {
        text.push('\n');
        text.push_str(&paragraph);
        text.push('\n');
    };
    if !plan.after.is_empty() {
        let names: Vec<_> = plan.after.iter().map(ToString::to_string).collect();
        paragraph(format!("After {}.", names.join(", ")));
    }
    if is_new(plan) && Kind::of(plan) == Kind::Deploy {
        let contents: Vec<_> = contents(plan).iter().map(|words| plain(words)).collect();
        paragraph(format!("Runs {}.", contents.join(", ")));
    } else if !is_new(plan) && !plan.changes.is_empty() {
        paragraph(changes(&plan.changes));
    }
    if !plan.rounds.is_empty() {
        paragraph(rounds(plan));
        if let Some(beyond) = beyond(plan) {
            paragraph(format!("*{}*", plain(beyond)));
        }
    }
    if !plan.drift.is_empty() {
        let lines = plan.drift.iter().take(MOST_ROWS).map(|drift| {
            let subject = cut(&visible(&drift.subject), WIDEST);
            format!("- {}: {}", code(&subject), plain(&drift_words(drift)))
        });
        let lines: Vec<_> = lines.collect();
        let more = more(plan.drift.len(), MOST_ROWS);
        paragraph(format!("**Drift**\n\n{}{more}", lines.join("\n")));
    }
    if !plan.rounds.is_empty() {
        paragraph(format!("**Rollback** {}", plain(&rollback_words(&plan.rollback))));
    }
    text.push_str("\n</details>\n");
    text
}

fn changes(changes: &[Change]) -> String {
    let mut text = "| field | old | new | takes | because |\n|---|---|---|---|---|\n".to_owned();
    for change in changes.iter().take(MOST_ROWS) {
        let (old, new) = match (&change.old, &change.new) {
            (Some(old), Some(new)) => {
                let (old, new) = pair(old, new, WIDEST);
                (code(&old), code(&new))
            }
            (old, new) => {
                let value = |value: &Option<String>| value.as_ref().map(|value| code(&single(value, WIDEST)));
                (value(old).unwrap_or_default(), value(new).unwrap_or_default())
            }
        };
        let class = match change.class {
            ChangeClass::Replaces => "**replaces instances**",
            ChangeClass::InPlace => "in place",
        };
        let path = code(&cut(&visible(&change.path), WIDEST));
        let reason = plain(&cut(&visible(&change.reason), WIDEST));
        text.push_str(&table_row(&[path, old, new, class.to_owned(), reason]));
    }
    if changes.len() > MOST_ROWS {
        let _ = write!(text, "\n{}\n", more(changes.len(), MOST_ROWS).trim());
    }
    text.trim_end().to_owned()
}

fn rounds(plan: &ServicePlan) -> String {
    let mut text = "| | steps | ready | total | traffic | at most |\n|--:|---|--:|--:|---|--:|\n".to_owned();
    let rows = rows(plan, false);
    for row in rows.iter().take(MOST_ROWS) {
        let Row { number, ready, total, traffic, at_most, .. } = row;
        let cells = [number, &steps_cell(row), ready, total, traffic, at_most].map(Clone::clone);
        text.push_str(&table_row(&cells));
    }
    if rows.len() > MOST_ROWS {
        let _ = write!(text, "\n{}\n", more(rows.len(), MOST_ROWS).trim());
    }
    text.trim_end().to_owned()
}

fn steps_cell(row: &Row) -> String {
    let wait = row.wait.iter().map(|wait| format!("<i>{}</i>", plain(wait)));
    let steps: Vec<_> = match &row.body {
        Body::Words(words) => vec![format!("<i>{}</i>", plain(words))],
        Body::Steps(lines) => lines
            .iter()
            .map(|line| {
                let why = if line.why.is_empty() { String::new() } else { format!(": {}", plain(&line.why)) };
                format!("<b>{}</b> {}{why}", line.verb, plain(&line.what))
            })
            .collect(),
    };
    wait.chain(steps).collect::<Vec<_>>().join("<br>")
}

fn code(text: &str) -> String {
    format!("<code>{}</code>", plain(text))
}

/// A text in which nothing is markup: what could be is written as a character reference.
fn plain(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    // What came just before tells what would become a link.
    let mut last = [' '; 3];
    for char in text.chars() {
        let is_link = match char {
            '.' => last.iter().all(|char| char.eq_ignore_ascii_case(&'w')),
            '/' => last[2] == ':',
            _ => false,
        };
        let is_safe = match char {
            '.' | ',' | '-' | '(' | ')' | '+' | '%' | ';' | '?' | '/' | ':' | '=' => !is_link,
            _ => !char.is_ascii_punctuation() && !char.is_control(),
        };
        if is_safe {
            shown.push(char);
        } else {
            let _ = write!(shown, "&#{};", u32::from(char));
        }
        last = [last[1], last[2], char];
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_becomes_markup() {
        let hostile = "a|b`c`<img>**d**[e](f)\n# g_h_ @you https://x www.y \\| $z$ <!-- -->";
        insta::assert_snapshot!(plain(hostile), @"a&#124;b&#96;c&#96;&#60;img&#62;&#42;&#42;d&#42;&#42;&#91;e&#93;(f)&#10;&#35; g&#95;h&#95; &#64;you https:&#47;/x www&#46;y &#92;&#124; &#36;z&#36; &#60;&#33;-- --&#62;");
    }
}
