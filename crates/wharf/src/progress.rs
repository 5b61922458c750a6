//! Shows events: progress bars on a terminal, plain lines elsewhere.
//! Invariant: nothing here decides anything; without a terminal not a single control character is printed.

use std::collections::HashMap;
use std::io::IsTerminal;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use wharf_core::{Event, Phase, Sink, Sinks, TaskId};

use crate::output::{Paint, Printer};

/// The bars that are shown at once, at the most, besides the phase's own.
const BARS: usize = 8;

/// A sink for people.
struct Reporter {
    printer: Printer,
    bars: Option<Bars>,
}

/// The progress bars of a terminal.
struct Bars {
    all: MultiProgress,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    phases: HashMap<Phase, ProgressBar>,
    tasks: HashMap<TaskId, ProgressBar>,
    transfer: Option<ProgressBar>,
    /// Transfers whose size is not known yet.
    labels: HashMap<TaskId, String>,
    open: usize,
}

/// The sink that fits the flags and the terminal.
pub(crate) fn sink(printer: Printer, no_progress: bool) -> Sinks {
    let in_ci = std::env::var_os("CI").is_some_and(|value| !value.is_empty());
    let wanted = printer.may_progress() && !no_progress && !in_ci && std::io::stderr().is_terminal();
    let bars = wanted.then(|| Bars {
        all: MultiProgress::with_draw_target(ProgressDrawTarget::stderr_with_hz(12)),
        state: Mutex::default(),
    });
    Arc::new(Reporter { printer, bars })
}

impl Sink for Reporter {
    fn emit(&self, event: Event) {
        match &event {
            Event::Warning { message, .. } => self.say(|printer| printer.warning(message)),
            Event::Waiting { what } => self.say(|printer| printer.remark(&format!("Waiting for {what}"))),
            Event::Detail { message } if self.printer.is_verbose() => {
                self.say(|printer| printer.remark(&printer.paint(Paint::Faint, message)));
            }
            Event::BuildStarted { package, .. } if self.bars.is_none() => {
                self.say(|printer| printer.remark(&format!("Building {package}")));
            }
            Event::Detail { .. }
            | Event::PhaseStarted { .. }
            | Event::PhaseProgress { .. }
            | Event::PhaseFinished { .. }
            | Event::DownloadStarted { .. }
            | Event::DownloadSized { .. }
            | Event::DownloadProgress { .. }
            | Event::DownloadFinished { .. }
            | Event::BuildStarted { .. }
            | Event::BuildFinished { .. } => {}
        }
        if let Some(bars) = &self.bars {
            bars.show(event);
        }
    }
}

impl Reporter {
    /// Prints lines without tearing the bars apart.
    fn say(&self, print: impl FnOnce(&Printer)) {
        match &self.bars {
            Some(bars) => bars.all.suspend(|| print(&self.printer)),
            None => print(&self.printer),
        }
    }
}

impl Bars {
    fn show(&self, event: Event) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            Event::PhaseStarted { phase, total } => {
                let bar = self.all.add(phase_bar(phase, total));
                state.phases.insert(phase, bar);
            }
            Event::PhaseProgress {
                phase,
                done,
                total,
                detail,
            } => {
                if let Some(bar) = state.phases.get(&phase) {
                    if let Some(total) = total {
                        bar.set_length(total);
                    }
                    bar.set_position(done);
                    bar.set_message(detail.unwrap_or_default());
                }
            }
            Event::PhaseFinished { phase, .. } => {
                if let Some(bar) = state.phases.remove(&phase) {
                    bar.finish_and_clear();
                }
                if state.phases.is_empty()
                    && let Some(bar) = state.transfer.take()
                {
                    bar.finish_and_clear();
                }
            }
            Event::DownloadStarted { id, label, bytes } => {
                self.begin_transfer(&mut state, id, label);
                if let Some(bytes) = bytes {
                    self.size_transfer(&mut state, id, bytes);
                }
            }
            Event::DownloadSized { id, bytes } => self.size_transfer(&mut state, id, bytes),
            Event::DownloadProgress { id, bytes } => {
                if let Some(bar) = &state.transfer {
                    bar.inc(bytes);
                }
                if let Some(bar) = state.tasks.get(&id) {
                    bar.inc(bytes);
                }
            }
            Event::BuildStarted { id, package } => {
                let bar = self
                    .all
                    .add(ProgressBar::new_spinner().with_message(format!("building {package}")));
                bar.enable_steady_tick(Duration::from_millis(120));
                state.tasks.insert(id, bar);
                state.open += 1;
            }
            Event::DownloadFinished { id } | Event::BuildFinished { id } => {
                if let Some(bar) = state.tasks.remove(&id) {
                    bar.finish_and_clear();
                    state.open = state.open.saturating_sub(1);
                }
            }
            Event::Waiting { .. } | Event::Warning { .. } | Event::Detail { .. } => {}
        }
    }

    /// Counts a transfer in the sum of all.
    fn begin_transfer(&self, state: &mut State, id: TaskId, label: String) {
        state.labels.insert(id, label);
        state.transfer.get_or_insert_with(|| {
            let template = "  {bytes}/{total_bytes} {bytes_per_sec} {wide_bar}";
            self.all.add(ProgressBar::new(0).with_style(style(template)))
        });
    }

    /// Adds a transfer's size to the sum; a large one gets a bar of its own.
    fn size_transfer(&self, state: &mut State, id: TaskId, bytes: u64) {
        if let Some(sum) = &state.transfer {
            sum.inc_length(bytes);
        }
        let Some(label) = state.labels.remove(&id) else {
            return;
        };
        if state.open < BARS && bytes > 1_000_000 {
            let bar = ProgressBar::new(bytes)
                .with_style(style("  {msg:40!} {bytes:>10}/{total_bytes:<10} {bar:24}"))
                .with_message(label);
            state.tasks.insert(id, self.all.add(bar));
            state.open += 1;
        }
    }
}

fn phase_bar(phase: Phase, total: Option<u64>) -> ProgressBar {
    let bar = match total {
        Some(total) => {
            ProgressBar::new(total).with_style(style("{prefix:>10} {pos}/{len} {bar:24} {wide_msg}"))
        }
        None => ProgressBar::new_spinner().with_style(style("{prefix:>10} {spinner} {pos} {wide_msg}")),
    };
    bar.enable_steady_tick(Duration::from_millis(120));
    bar.with_prefix(phase.verb())
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).expect("the templates of this file are well formed")
}
