//! Colours, where they are asked for.

use std::fmt;

use anstyle::{AnsiColor, Style};

/// Paints parts of a text, or leaves them as they are.
#[derive(Clone, Copy, Debug)]
pub(super) struct Paint {
    color: bool,
}

impl Paint {
    pub(super) fn new(color: bool) -> Self {
        Self { color }
    }

    fn with(self, style: Style, text: impl fmt::Display) -> String {
        if self.color { format!("{style}{text}{style:#}") } else { text.to_string() }
    }

    /// What a reader looks for first.
    pub(super) fn title(self, text: impl fmt::Display) -> String {
        self.with(Style::new().bold(), text)
    }

    /// What a reader may pass over.
    pub(super) fn aside(self, text: impl fmt::Display) -> String {
        self.with(Style::new().dimmed(), text)
    }

    pub(super) fn added(self, text: impl fmt::Display) -> String {
        self.with(AnsiColor::Green.on_default(), text)
    }

    pub(super) fn removed(self, text: impl fmt::Display) -> String {
        self.with(AnsiColor::Red.on_default(), text)
    }

    pub(super) fn changed(self, text: impl fmt::Display) -> String {
        self.with(AnsiColor::Yellow.on_default(), text)
    }
}
