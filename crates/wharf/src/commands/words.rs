//! Words that several commands share: counts, spans of time, sizes, lists of changes.

use wharf_ops::report::{Change, LockReport, Meant, SyncReport};

use crate::output::{Paint, Printer};

/// `1 package`, `12 packages`.
pub(super) fn count(number: usize, one: &str) -> String {
    if number == 1 {
        format!("1 {one}")
    } else {
        format!("{number} {one}s")
    }
}

/// `8 ms`, `1.42 s`.
pub(super) fn time(seconds: f64) -> String {
    if seconds < 1.0 {
        format!("{:.0} ms", seconds * 1000.0)
    } else {
        format!("{seconds:.2} s")
    }
}

/// `512 B`, `3.4 MiB`.
pub(super) fn size(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let mut value = bytes as f64 / 1024.0;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    format!("{value:.1} {}", UNITS[unit])
}

/// Where the tools come from that have just come: `built`, or who vouches for what was not.
fn tools(printer: &Printer, report: &SyncReport) {
    for tool in report.tools.iter().filter(|tool| tool.changed) {
        printer.remark(&format!("   {} {}: {}", tool.package, tool.version, tool.origin));
    }
}

/// One line a change: `+ name 1.0`, `- name 1.0`, `~ name 1.0 → 2.0`.
pub(super) fn changes(printer: &Printer, changes: &[Change]) {
    for change in changes {
        let (role, sign, versions) = match (&change.from, &change.to) {
            (None, Some(to)) => (Paint::Added, "+", to.clone()),
            (Some(from), None) => (Paint::Removed, "-", from.clone()),
            (Some(from), Some(to)) if from == to => (Paint::Changed, "~", format!("{to} (reinstalled)")),
            (Some(from), Some(to)) => (Paint::Changed, "~", format!("{from} → {to}")),
            (None, None) => continue,
        };
        printer.remark(&format!(
            " {} {} {versions}",
            printer.paint(role, sign),
            change.package
        ));
    }
}

/// What a lock did.
pub(super) fn lock(printer: &Printer, report: &LockReport) {
    let packages = count(report.packages, "package");
    meant(printer, &report.meant);
    if report.solved {
        printer.remark(&format!("Locked {packages} in {}", time(report.seconds)));
    } else {
        printer.remark(&format!("The lockfile is current: {packages}"));
    }
    changes(printer, &report.changes);
}

/// What was meant by names that are no package's own.
pub(super) fn meant(printer: &Printer, meant: &[Meant]) {
    for Meant { asked, package } in meant {
        printer.remark(&format!("{asked} is {package} here"));
    }
}

/// What a sync did.
pub(super) fn sync(printer: &Printer, report: &SyncReport) {
    if let Some(locked) = &report.lock
        && locked.solved
    {
        let packages = count(locked.packages, "package");
        meant(printer, &locked.meant);
        printer.remark(&format!("Locked {packages} in {}", time(locked.seconds)));
        // What moves in the environment is said below; the same list twice would hide it.
        if report.changes.is_empty() {
            changes(printer, &locked.changes);
        }
    }
    if report.overtaken {
        let time = time(report.seconds);
        printer.remark(&format!(
            "Nothing is left to do: another command was faster ({time})"
        ));
        return;
    }
    if report.up_to_date && report.fetched > 0 {
        let packages = count(report.fetched, "package");
        let verb = if report.dry_run {
            "would be brought"
        } else {
            "was brought"
        };
        let verb = if report.fetched > 1 {
            verb.replace("was", "were")
        } else {
            verb.to_owned()
        };
        printer.remark(&format!(
            "{packages} {verb} back into the store ({})",
            time(report.seconds)
        ));
        return;
    }
    if report.up_to_date {
        printer.remark(&format!("Nothing to do ({})", time(report.seconds)));
        return;
    }
    let packages = count(report.packages, "package");
    let verb = if report.dry_run {
        "Would install"
    } else {
        "Installed"
    };
    let mut line = format!("{verb} {packages} in {}", time(report.seconds));
    if report.downloaded > 0 {
        line.push_str(&format!(", {} downloaded", size(report.downloaded)));
    }
    if let Some(python) = &report.python {
        line.push_str(&format!(", Python {}", python.version));
    }
    if let Some(node) = &report.node {
        line.push_str(&format!(", Node {}", node.version));
    }
    printer.remark(&line);
    changes(printer, &report.changes);
    tools(printer, report);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_times_and_counts_read_well() {
        assert_eq!(size(512), "512 B");
        assert_eq!(size(3_565_158), "3.4 MiB");
        assert_eq!(size(u64::MAX), "16777216.0 TiB");
        assert_eq!(time(0.0081), "8 ms");
        assert_eq!(time(1.416), "1.42 s");
        assert_eq!(count(1, "package"), "1 package");
        assert_eq!(count(0, "package"), "0 packages");
    }
}
