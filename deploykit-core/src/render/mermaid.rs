//! A plan as a Mermaid flowchart: services in their order, their rounds as nodes, waits on the edges.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::headline::Kind;
use super::outline::{Body, Row, headline, rows};
use super::summary::{steps, summary};
use super::value::{cut, visible};
use super::wait::count;
use crate::name::ServiceName;
use crate::plan::{Plan, ServicePlan};

/// Mermaid draws at most 500 edges unless it is told otherwise, and nobody reads more.
const MOST_NODES: usize = 400;
const MOST_EDGES: usize = 450;
/// The longest line of a label.
const LONGEST: usize = 80;

impl Plan {
    /// The plan as a Mermaid flowchart.
    ///
    /// It keeps below what Mermaid draws: rounds of services that do not fit become one node, services that do not fit
    /// are counted.
    pub fn mermaid(&self) -> String {
        let mut chart = Chart { text: "flowchart TB\n".to_owned(), nodes: 1, edges: 0 };
        let _ = writeln!(chart.text, "  plan([{}])", label(&[summary(self)]));
        let changed = || self.services.iter().filter(|plan| Kind::of(plan) != Kind::Unchanged);
        let waited_for: BTreeSet<&ServiceName> = changed().flat_map(|plan| &plan.after).collect();
        let is_drawn =
            |plan: &&ServicePlan| Kind::of(plan) != Kind::Unchanged || waited_for.contains(plan.goal.service());
        let drawn: Vec<&ServicePlan> = self.services.iter().filter(is_drawn).collect();
        let fits = drawn.len().min(MOST_NODES - 3);
        let mut ids: BTreeMap<&ServiceName, String> = BTreeMap::new();
        for (index, plan) in drawn[..fits].iter().enumerate() {
            let id = format!("s{index}");
            chart.service(plan, &id, fits - index - 1);
            ids.insert(plan.goal.service(), id);
        }
        let mut hidden = 0;
        for plan in &drawn[..fits] {
            let to = &ids[plan.goal.service()];
            for from in plan.after.iter().filter_map(|name| ids.get(name)) {
                hidden += usize::from(!chart.edge(from, to, None));
            }
        }
        if fits < drawn.len() {
            let words = format!("and {}", count(drawn.len() - fits, "more service", "more services"));
            let _ = writeln!(chart.text, "  more([{}])", label(&[words]));
        }
        if hidden > 0 {
            let words = format!("{} between services not drawn", count(hidden, "dependency", "dependencies"));
            let _ = writeln!(chart.text, "  hidden([{}])", label(&[words]));
        }
        chart.text
    }
}

struct Chart {
    text: String,
    nodes: usize,
    edges: usize,
}

impl Chart {
    /// A service as a box with its rounds; as one node if there is no room, with one node kept for each to come.
    fn service(&mut self, plan: &ServicePlan, id: &str, to_come: usize) {
        let title = label(&[format!("{} on {}", plan.goal.service(), plan.target), headline(plan)]);
        let rows = rows(plan, false);
        let room = MOST_NODES.saturating_sub(self.nodes + to_come);
        if rows.is_empty() {
            let _ = writeln!(self.text, "  {id}[{title}]");
            self.nodes += 1;
            return;
        }
        let _ = writeln!(self.text, "  subgraph {id}[{title}]\n    direction TB");
        if rows.len() > room || self.edges + rows.len() > MOST_EDGES {
            let words =
                format!("{}, {}", count(plan.rounds.len(), "round", "rounds"), count(steps(plan), "step", "steps"));
            let _ = writeln!(self.text, "    {id}r0[{}]", label(&[words]));
            self.nodes += 1;
        } else {
            for (index, row) in rows.iter().enumerate() {
                let _ = writeln!(self.text, "    {id}r{index}[{}]", label(&words(row)));
            }
            for (index, row) in rows.iter().enumerate().skip(1) {
                let (from, to) = (format!("{id}r{}", index - 1), format!("{id}r{index}"));
                self.text.push_str("  ");
                self.edge(&from, &to, row.wait.as_deref());
            }
            self.nodes += rows.len();
        }
        self.text.push_str("  end\n");
    }

    /// Draws an edge, if there is room for one.
    fn edge(&mut self, from: &str, to: &str, words: Option<&str>) -> bool {
        if self.edges >= MOST_EDGES {
            return false;
        }
        self.edges += 1;
        let words = words.map(|words| format!("|{}|", label(&[words.to_owned()]))).unwrap_or_default();
        let _ = writeln!(self.text, "  {from} -->{words} {to}");
        true
    }
}

/// A round in a few words.
fn words(row: &Row) -> Vec<String> {
    let mut words: Vec<String> = match &row.body {
        Body::Words(words) => vec![format!("{}: {words}", row.number)],
        Body::Steps(lines) => lines
            .iter()
            .enumerate()
            .map(|(index, line)| match index {
                0 => format!("{}: {} {}", row.number, line.verb, line.what),
                _ => format!("{} {}", line.verb, line.what),
            })
            .collect(),
    };
    let ready = (!row.ready.is_empty()).then(|| format!("{} of {} ready", row.ready, row.total));
    let traffic = (!row.traffic.is_empty()).then(|| row.traffic.clone());
    let state: Vec<_> = ready.into_iter().chain(traffic).collect();
    words.extend((!state.is_empty()).then(|| state.join(", ")));
    words
}

/// Lines as the label of a node, with what Mermaid would read as its own written as entities.
fn label(lines: &[String]) -> String {
    let lines: Vec<_> = lines.iter().map(|line| escape(&cut(&visible(line), LONGEST))).collect();
    format!("\"{}\"", lines.join("<br/>"))
}

fn escape(line: &str) -> String {
    let mut shown = String::with_capacity(line.len());
    for char in line.chars() {
        let is_safe =
            !char.is_ascii_punctuation() || matches!(char, '.' | ',' | '-' | ':' | '/' | '+' | '(' | ')' | '=');
        if is_safe {
            shown.push(char);
        } else {
            let _ = write!(shown, "#{};", u32::from(char));
        }
    }
    shown
}
