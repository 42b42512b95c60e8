//! The progress bar of one job. It is drawn on standard error, and only if that is a terminal.

use indicatif::{ProgressBar, ProgressStyle};
use longshore::one_line;
use longshore_wire::Event;

/// A progress bar that shows the status of a job.
#[derive(Clone, Debug)]
pub struct Bar(ProgressBar);

impl Bar {
    /// Starts a bar that shows `queued`.
    pub fn new() -> Self {
        let bar = ProgressBar::new(1);
        bar.set_style(style(false));
        bar.set_message("queued");
        Bar(bar)
    }

    /// Shows a status.
    pub fn show(&self, event: &Event) {
        let progress = event.progress.as_ref();
        if let Some(total) = progress.and_then(|progress| progress.total) {
            self.0.set_style(style(true));
            self.0.set_length(total);
            self.0.set_position(progress.map_or(0, |progress| progress.done));
        } else if event.state.is_final() {
            self.0.set_position(self.0.length().unwrap_or(1));
        }
        self.0.set_message(one_line(&event.status).to_string());
    }

    /// Hides the bar while something else is printed.
    pub fn suspend(&self, print: impl FnOnce()) {
        self.0.suspend(print);
    }

    /// Removes the bar.
    pub fn clear(&self) {
        self.0.finish_and_clear();
    }
}

fn style(counted: bool) -> ProgressStyle {
    let template = if counted { "  [{bar:40}] {msg}" } else { "  {spinner} {msg}" };
    ProgressStyle::with_template(template).expect("the templates are valid").progress_chars("=> ")
}
