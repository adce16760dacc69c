//! A plan as text for people, in aligned columns.

use std::fmt;

use super::headline::{Kind, is_counted};
use super::outline::{Body, Row, beyond, contents, headline, is_new, rollback_words, rows};
use super::paint::Paint;
use super::summary::summary;
use super::table::{Align, pad, widest};
use super::value::{cut, pair, single, visible, width};
use crate::diff::{Change, ChangeClass};
use crate::observed::Drift;
use crate::plan::{Plan, ServicePlan};

/// How a plan is written as text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TextOptions {
    /// Mark what matters with ANSI colours. Default: no.
    pub color: bool,
    /// Show each round, also those that repeat others. Default: no.
    pub all_rounds: bool,
    /// The columns there are; values and reasons are fitted to them. Default: 120.
    pub width: usize,
}

impl Default for TextOptions {
    fn default() -> Self {
        Self { color: false, all_rounds: false, width: 120 }
    }
}

impl Plan {
    /// The plan as text for people: for each service what becomes of it, what changes, the rounds with what holds
    /// after each, drift, and the way back; then all in one line.
    pub fn text(&self, options: &TextOptions) -> String {
        let mut page = Page { paint: Paint::new(options.color), options: *options, text: String::new() };
        for service in &self.services {
            page.service(service);
        }
        page.line(summary(self));
        page.text
    }
}

/// The plain text, without the line end at its end.
impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text(&TextOptions::default()).trim_end())
    }
}

/// So many lines of drift are shown unless everything is.
const MOST_DRIFT: usize = 20;
/// A path or value that is wider does not widen its column.
const WIDE: usize = 32;
/// The narrowest page that values are fitted to.
const NARROWEST: usize = 60;

struct Page {
    paint: Paint,
    options: TextOptions,
    text: String,
}

impl Page {
    fn line(&mut self, line: impl AsRef<str>) {
        self.text.push_str(line.as_ref().trim_end());
        self.text.push('\n');
    }

    fn width(&self) -> usize {
        self.options.width.max(NARROWEST)
    }

    fn service(&mut self, plan: &ServicePlan) {
        let name = self.paint.title(plan.goal.service());
        self.line(format!("{name} on {}: {}", plan.target, headline(plan)));
        if Kind::of(plan) != Kind::Unchanged {
            if !plan.after.is_empty() {
                let names: Vec<_> = plan.after.iter().map(ToString::to_string).collect();
                self.line(format!("  after     {}", names.join(", ")));
            }
            if is_new(plan) && plan.goal.spec().is_some() {
                for (index, words) in wrapped(&contents(plan), self.width() - 12).iter().enumerate() {
                    self.line(format!("  {}{words}", if index == 0 { "runs      " } else { "          " }));
                }
            }
        }
        if !is_new(plan) {
            self.changes(&plan.changes);
        }
        self.rounds(plan);
        self.drift(&plan.drift);
        if !plan.rounds.is_empty() {
            self.line(format!("  rollback  {}", rollback_words(&plan.rollback)));
        }
    }

    fn changes(&mut self, changes: &[Change]) {
        if changes.is_empty() {
            return;
        }
        self.line("  changes");
        let indent = 6;
        let paths: Vec<_> = changes.iter().map(|change| visible(&change.path)).collect();
        let path_width = paths.iter().map(|path| width(path)).filter(|width| *width <= WIDE).max().unwrap_or(0);
        let room = |path: &str| self.width().saturating_sub(indent + path_width.max(width(path)) + 2);
        let values = changes.iter().zip(&paths).map(|(change, path)| self.values(change, room(path)));
        let values: Vec<_> = values.collect();
        let value_width = values.iter().map(|(_, width)| *width).filter(|width| *width <= 32).max().unwrap_or(0);
        for ((change, path), (value, wide)) in changes.iter().zip(paths).zip(values) {
            let mark = match (&change.old, &change.new) {
                (None, _) => self.paint.added("+"),
                (_, None) => self.paint.removed("-"),
                _ => self.paint.changed("~"),
            };
            let path = pad(&path, path_width, Align::Left);
            let value_space = " ".repeat(value_width.saturating_sub(wide));
            let class = match change.class {
                ChangeClass::Replaces => self.paint.changed("replaces instances"),
                ChangeClass::InPlace => "in place".to_owned(),
            };
            let class_width = if change.class == ChangeClass::Replaces { 18 } else { 8 };
            let reason = visible(&change.reason);
            let used = indent + width(&path) + 2 + wide + value_space.len() + 2;
            let tail = format!("{class}: {}", self.paint.aside(&reason));
            if used + class_width + 2 + width(&reason) <= self.width() {
                self.line(format!("    {mark} {path}  {value}{value_space}  {tail}"));
            } else {
                self.line(format!("    {mark} {path}  {value}"));
                self.line(format!("        {tail}"));
            }
        }
    }

    /// A change's values as they are shown, and their width.
    fn values(&self, change: &Change, room: usize) -> (String, usize) {
        match (&change.old, &change.new) {
            (Some(old), Some(new)) => {
                let (old, new) = pair(old, new, room.saturating_sub(3) / 2);
                let wide = width(&old) + 3 + width(&new);
                (format!("{} → {}", self.paint.removed(old), self.paint.added(new)), wide)
            }
            (None, Some(new)) => {
                let new = single(new, room);
                (self.paint.added(&new), width(&new))
            }
            (Some(old), None) => {
                let old = single(old, room);
                (self.paint.removed(&old), width(&old))
            }
            (None, None) => (String::new(), 0),
        }
    }

    fn rounds(&mut self, plan: &ServicePlan) {
        if plan.rounds.is_empty() {
            return;
        }
        let rows = rows(plan, self.options.all_rounds);
        let columns = Columns::of(&rows, plan);
        let title = pad("  rounds", columns.span(), Align::Left);
        self.line(format!("{title}{}", columns.numbers(["ready", "total", "traffic", "at most"])));
        for row in &rows {
            self.row(row, &columns);
        }
        if let Some(beyond) = beyond(plan) {
            self.line(format!("    {}{}", " ".repeat(columns.number + 2), self.paint.aside(beyond)));
        }
    }

    fn row(&mut self, row: &Row, columns: &Columns) {
        let indent = " ".repeat(4 + columns.number + 2);
        if let Some(wait) = &row.wait {
            self.line(format!("{indent}{}", self.paint.aside(wait)));
        }
        let number = pad(&row.number, columns.number, Align::Left);
        let numbers = columns.numbers([&row.ready, &row.total, &row.traffic, &row.at_most]);
        let Body::Steps(lines) = &row.body else {
            let Body::Words(words) = &row.body else { return };
            let space = " ".repeat(columns.body().saturating_sub(width(words)));
            self.line(format!("    {number}  {}{space}{numbers}", self.paint.aside(words)));
            return;
        };
        for (index, line) in lines.iter().enumerate() {
            let verb = pad(line.verb, columns.verb, Align::Left);
            let verb = match line.verb {
                "start" | "admit" => self.paint.added(verb),
                "stop" | "drain" | "forget" | "withdraw" => self.paint.removed(verb),
                _ => self.paint.changed(verb),
            };
            let what = pad(&line.what, columns.what, Align::Left);
            let why = pad(&line.why, columns.why, Align::Left);
            if index == 0 {
                let space = " ".repeat(columns.body().saturating_sub(columns.steps()));
                self.line(format!("    {number}  {verb}  {what}  {why}{space}{numbers}"));
            } else {
                self.line(format!("{indent}{verb}  {what}  {why}"));
            }
        }
    }

    fn drift(&mut self, drift: &[Drift]) {
        if drift.is_empty() {
            return;
        }
        self.line("  drift");
        let most = if self.options.all_rounds { usize::MAX } else { MOST_DRIFT };
        let subjects: Vec<_> = drift.iter().take(most).map(|drift| cut(&visible(&drift.subject), 60)).collect();
        let subject_width = widest(subjects.iter().map(String::as_str));
        for (drift, subject) in drift.iter().zip(subjects) {
            let subject = pad(&subject, subject_width, Align::Left);
            let mark = self.paint.changed("!");
            self.line(format!("    {mark} {subject}  {}", drift_words(drift)));
        }
        if drift.len() > most {
            self.line(format!("    ! and {} more", drift.len() - most));
        }
    }
}

/// Words in lines of at most this width, with commas between them.
fn wrapped(words: &[String], most: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for (index, word) in words.iter().enumerate() {
        let word = if index + 1 < words.len() { format!("{word},") } else { word.clone() };
        match lines.last_mut() {
            Some(line) if width(line) + 1 + width(&word) <= most => {
                line.push(' ');
                line.push_str(&word);
            }
            _ => lines.push(word),
        }
    }
    lines
}

/// `expected 3 instances, found 4 (changed by somebody)`.
pub(super) fn drift_words(drift: &Drift) -> String {
    let by = drift.by.as_ref().map(|by| format!(" (changed by {})", single(by, 60))).unwrap_or_default();
    format!("expected {}, found {}{by}", single(&drift.expected, 80), single(&drift.found, 120))
}

/// The widths of the columns of a schedule.
#[derive(Debug)]
struct Columns {
    number: usize,
    verb: usize,
    what: usize,
    why: usize,
    words: usize,
    /// Those of `ready`, `total`, `traffic` and `at most`; 0 for one that is left out.
    numbers: [usize; 4],
}

impl Columns {
    fn of(rows: &[Row], plan: &ServicePlan) -> Self {
        let lines = || {
            rows.iter().flat_map(|row| match &row.body {
                Body::Steps(lines) => lines.as_slice(),
                Body::Words(_) => &[],
            })
        };
        let words = rows.iter().filter_map(|row| match &row.body {
            Body::Words(words) => Some(words.as_str()),
            Body::Steps(_) => None,
        });
        let column = |title: &str, cell: &dyn Fn(&Row) -> &str| {
            rows.iter().map(|row| width(cell(row))).max().unwrap_or_default().max(width(title))
        };
        let mut numbers = [
            column("ready", &|row| &row.ready),
            column("total", &|row| &row.total),
            column("traffic", &|row| &row.traffic),
            column("at most", &|row| &row.at_most),
        ];
        if !is_counted(plan) {
            (numbers[0], numbers[1]) = (0, 0);
        }
        if rows.iter().all(|row| row.traffic.is_empty()) {
            numbers[2] = 0;
        }
        Self {
            number: widest(rows.iter().map(|row| row.number.as_str())),
            verb: widest(lines().map(|line| line.verb)),
            what: widest(lines().map(|line| line.what.as_str())),
            why: widest(lines().map(|line| line.why.as_str())),
            words: widest(words),
            numbers,
        }
    }

    fn steps(&self) -> usize {
        self.verb + 2 + self.what + 2 + self.why
    }

    /// The width of what stands between a row's number and its numbers.
    fn body(&self) -> usize {
        self.steps().max(self.words)
    }

    fn span(&self) -> usize {
        4 + self.number + 2 + self.body()
    }

    fn numbers(&self, cells: [&str; 4]) -> String {
        let aligns = [Align::Right, Align::Right, Align::Left, Align::Right];
        let columns = self.numbers.iter().zip(cells).zip(aligns).filter(|((width, _), _)| **width > 0);
        columns.flat_map(|((width, cell), align)| ["  ".to_owned(), pad(cell, *width, align)]).collect()
    }
}
