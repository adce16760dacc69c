//! A line for each service, kept up to date in place.

use std::collections::BTreeMap;
use std::time::Duration;

use deploykit_core::event::Ending;
use deploykit_core::{Event, ServiceName};
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::End;
use super::model::{self, Model, Standing};

/// Drawn so many times a second at most.
const FRAMES: u8 = 10;

pub(super) struct Live {
    model: Model,
    lines: MultiProgress,
    bars: BTreeMap<ServiceName, ProgressBar>,
    end: End,
}

impl Live {
    pub(super) fn new(end: End) -> Self {
        let lines = MultiProgress::with_draw_target(ProgressDrawTarget::stderr_with_hz(FRAMES));
        Self { model: Model::default(), lines, bars: BTreeMap::new(), end }
    }

    pub(super) fn show(&mut self, event: &Event) {
        let changed = self.model.update(event);
        let new: Vec<_> = self.model.services.keys().filter(|name| !self.bars.contains_key(*name)).cloned().collect();
        for name in new {
            self.add(name);
        }
        if let Some(note) = model::note(event) {
            // A terminal that is gone is no reason to stop deploying.
            let _ = self.lines.println(note);
        }
        if let Some((name, standing)) = changed.and_then(|name| self.model.services.get_key_value(&name)) {
            self.draw(name, standing);
        }
    }

    fn add(&mut self, name: ServiceName) {
        let bar = self.lines.add(ProgressBar::new_spinner());
        bar.set_style(style("cyan", "·"));
        let widest = self.model.services.keys().map(|name| name.as_str().len()).max().unwrap_or_default();
        bar.set_prefix(format!("{name:<widest$}"));
        if let Some(standing) = self.model.services.get(&name) {
            bar.set_message(standing.to_string());
        }
        bar.tick();
        self.bars.insert(name, bar);
    }

    fn draw(&self, name: &ServiceName, standing: &Standing) {
        let Some(bar) = self.bars.get(name) else { return };
        bar.set_message(standing.to_string());
        match standing.ending {
            Some(Ending::Completed) => finish(bar, "green", "✓"),
            Some(Ending::Paused) => finish(bar, "yellow", "‖"),
            Some(_) => finish(bar, "red", "✗"),
            None if standing.began => bar.enable_steady_tick(Duration::from_millis(1000 / u64::from(FRAMES))),
            None => {}
        }
    }

    pub(super) fn finish(self) {
        for bar in self.bars.values() {
            bar.abandon();
        }
        if self.end == End::Clear {
            let _ = self.lines.clear();
        }
    }
}

fn finish(bar: &ProgressBar, color: &str, mark: &str) {
    bar.set_style(style(color, mark));
    bar.abandon();
}

fn style(color: &str, end: &str) -> ProgressStyle {
    let template = format!("{{spinner:.{color}}} {{prefix:.bold}}  {{wide_msg}}  {{elapsed}}");
    let style = ProgressStyle::with_template(&template).unwrap_or_else(|_| ProgressStyle::default_spinner());
    style.tick_strings(&["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏", end])
}
