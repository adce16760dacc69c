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
    bars: BTreeMap<ServiceName, Bar>,
    end: End,
}

/// The line of one service.
struct Bar {
    bar: ProgressBar,
    began: bool,
}

impl Live {
    pub(super) fn new(end: End) -> Self {
        let lines = MultiProgress::with_draw_target(ProgressDrawTarget::stderr_with_hz(FRAMES));
        Self { model: Model::default(), lines, bars: BTreeMap::new(), end }
    }

    pub(super) fn show(&mut self, event: &Event) {
        let changed = self.model.update(event);
        let widest = self.model.services.iter().map(|(name, _)| name.as_str().len()).max().unwrap_or_default();
        for (name, standing) in &self.model.services {
            let line = self.bars.entry(name.clone()).or_insert_with(|| {
                let bar = self.lines.add(ProgressBar::new_spinner().with_style(style("·", "")));
                bar.set_prefix(format!("{name:<widest$}"));
                bar.set_message(standing.to_string());
                bar.tick();
                Bar { bar, began: false }
            });
            if changed.as_ref() == Some(name) {
                line.show(standing);
            }
        }
        if let Some(note) = model::note(event) {
            // A terminal that is gone is no reason to stop deploying.
            let _ = self.lines.println(note);
        }
    }

    pub(super) fn finish(self) {
        for line in self.bars.values() {
            line.bar.abandon();
        }
        if self.end == End::Clear {
            let _ = self.lines.clear();
        }
    }
}

impl Bar {
    fn show(&mut self, standing: &Standing) {
        self.bar.set_message(standing.to_string());
        match standing.ending {
            Some(Ending::Completed) => self.end(&console::style("✓").for_stderr().green()),
            Some(Ending::Paused) => self.end(&console::style("‖").for_stderr().yellow()),
            Some(_) => self.end(&console::style("✗").for_stderr().red()),
            None if !self.began => {
                self.began = true;
                self.bar.reset_elapsed();
                self.bar.set_style(style("{spinner:.cyan}", "{elapsed}"));
                self.bar.enable_steady_tick(Duration::from_millis(1000 / u64::from(FRAMES)));
            }
            None => {}
        }
    }

    fn end(&self, mark: &console::StyledObject<&str>) {
        self.bar.set_style(style(&mark.to_string(), "{elapsed}"));
        self.bar.abandon();
    }
}

fn style(mark: &str, time: &str) -> ProgressStyle {
    let template = format!("{mark} {{prefix:.bold}}  {{wide_msg}}  {time}");
    let style = ProgressStyle::with_template(&template).unwrap_or_else(|_| ProgressStyle::default_spinner());
    style.tick_strings(&["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏", " "])
}
