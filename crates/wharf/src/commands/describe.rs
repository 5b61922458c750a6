//! Commands that only look: `tree`, `why`, `list`, `outdated`, `info`.

use wharf_ops::describe;
use wharf_ops::report::{InfoReport, ListReport, OutdatedReport, TreeNode, TreeReport, WhyReport};
use wharf_ops::session::Session;

use super::{Failure, Outcome, words};
use crate::args::{Info, List, Outdated, Tree, Why};
use crate::output::{Paint, Printer};

pub(super) fn tree(arguments: &Tree, session: &Session, printer: Printer) -> Result<Outcome, Failure> {
    let request = describe::TreeRequest {
        depth: arguments.depth,
        package: arguments.package.clone(),
        direction: if arguments.invert {
            describe::Direction::Dependents
        } else {
            describe::Direction::Dependencies
        },
        selecting: arguments.selecting.request(),
        ecosystem: arguments.ecosystem,
    };
    let report = describe::tree(session, &request)?;
    printer.finish("tree", &report, say_tree);
    Ok(Outcome::SUCCESS)
}

fn say_tree(printer: &Printer, report: &TreeReport) {
    let mut text = String::new();
    for root in &report.roots {
        text.push_str(&tree_line(printer, root));
        tree_children(printer, root, "", &mut text);
    }
    printer.data(&text);
}

fn tree_children(printer: &Printer, node: &TreeNode, indent: &str, text: &mut String) {
    for (index, child) in node.children.iter().enumerate() {
        let is_last = index + 1 == node.children.len();
        text.push_str(indent);
        text.push_str(if is_last { "└── " } else { "├── " });
        text.push_str(&tree_line(printer, child));
        let deeper = format!("{indent}{}", if is_last { "    " } else { "│   " });
        tree_children(printer, child, &deeper, text);
    }
}

fn tree_line(printer: &Printer, node: &TreeNode) -> String {
    let extras = if node.extras.is_empty() {
        String::new()
    } else {
        format!("[{}]", node.extras.join(","))
    };
    let repeated = if node.repeated {
        printer.paint_data(Paint::Faint, " (*)")
    } else {
        String::new()
    };
    let called = match node.calls_it.as_slice() {
        [] => String::new(),
        names => format!(" (calls it {})", names.join(", ")),
    };
    format!("{}{extras} {}{called}{repeated}\n", node.label(), node.version)
}

pub(super) fn why(arguments: &Why, session: &Session, printer: Printer) -> Result<Outcome, Failure> {
    let report = describe::why(session, &arguments.name)?;
    printer.finish("why", &report, say_why);
    Ok(Outcome::SUCCESS)
}

fn say_why(printer: &Printer, report: &WhyReport) {
    let mut text = format!(
        "{} {}\n",
        printer.paint_data(Paint::Strong, &report.package),
        report.versions.join(", ")
    );
    for path in &report.paths {
        let group = if path.group.is_empty() {
            String::new()
        } else {
            format!(" [{}]", path.group)
        };
        text.push_str(&format!("  {}{group}, from {}\n", path.requirement, path.origin));
        for (depth, step) in path.steps.iter().enumerate() {
            text.push_str(&format!(
                "  {}└── {} {}\n",
                "    ".repeat(depth),
                step.label(),
                step.version
            ));
        }
    }
    printer.data(&text);
}

pub(super) fn list(arguments: &List, session: &Session, printer: Printer) -> Result<Outcome, Failure> {
    let request = describe::ListRequest {
        why_python: arguments.why_python,
        selecting: arguments.selecting.request(),
        ecosystem: arguments.ecosystem,
    };
    let report = describe::list(session, &request)?;
    printer.finish("list", &report, say_list);
    Ok(Outcome::SUCCESS)
}

fn say_list(printer: &Printer, report: &ListReport) {
    let names = report
        .packages
        .iter()
        .map(|entry| entry.package.len())
        .max()
        .unwrap_or(0);
    let versions = report
        .packages
        .iter()
        .map(|entry| entry.version.len())
        .max()
        .unwrap_or(0);
    let mut text = String::new();
    for entry in &report.packages {
        let mark = if entry.direct { "*" } else { " " };
        text.push_str(&format!(
            "{mark} {:names$}  {:versions$}  {}\n",
            entry.package, entry.version, entry.source
        ));
    }
    if !report.pythons.is_empty() {
        text.push_str(&super::python::candidates(printer, &report.pythons));
    }
    printer.data(&text);
}

pub(super) async fn outdated(
    arguments: &Outdated,
    session: &Session,
    printer: Printer,
) -> Result<Outcome, Failure> {
    let report = describe::outdated(session).await?;
    printer.finish("outdated", &report, say_outdated);
    Ok(Outcome::answer(!arguments.check || report.outdated.is_empty()))
}

fn say_outdated(printer: &Printer, report: &OutdatedReport) {
    if report.outdated.is_empty() {
        printer.remark(&format!(
            "{} looked up, none is outdated",
            words::count(report.checked, "package")
        ));
        return;
    }
    let names = report
        .outdated
        .iter()
        .map(|entry| entry.label().len())
        .max()
        .unwrap_or(0);
    let locked = report
        .outdated
        .iter()
        .map(|entry| entry.locked.len())
        .max()
        .unwrap_or(0);
    let mut text = String::new();
    for entry in &report.outdated {
        let mark = if entry.direct { "*" } else { " " };
        text.push_str(&format!(
            "{mark} {:names$}  {:locked$} → {}\n",
            entry.label(),
            entry.locked,
            entry.latest
        ));
    }
    printer.data(&text);
}

pub(super) async fn info(arguments: &Info, session: &Session, printer: Printer) -> Result<Outcome, Failure> {
    let report = describe::info(session, &arguments.name).await?;
    let all = arguments.versions;
    printer.finish("info", &report, |printer, report| match report {
        describe::Info::Package(report) => say_info(printer, report, all),
        describe::Info::Deb(report) => super::system::say_known(printer, report, all),
    });
    Ok(Outcome::SUCCESS)
}

fn say_info(printer: &Printer, report: &InfoReport, every_version: bool) {
    let mut text = format!(
        "{} {}\n",
        printer.paint_data(Paint::Strong, &report.package),
        report.version
    );
    let mut line = |label: &str, value: &str| {
        if !value.is_empty() {
            text.push_str(&format!("  {label:10} {value}\n"));
        }
    };
    line("summary", report.summary.as_deref().unwrap_or_default());
    line("license", report.license.as_deref().unwrap_or_default());
    line("locked", report.locked.as_deref().unwrap_or_default());
    line("python", report.requires_python.as_deref().unwrap_or_default());
    line("node", report.engines_node.as_deref().unwrap_or_default());
    line("rust", report.rust_version.as_deref().unwrap_or_default());
    line("uploaded", report.uploaded.as_deref().unwrap_or_default());
    line("index", &report.index);
    let crates = report.package.starts_with("cargo:");
    line(
        if crates { "features" } else { "extras" },
        &report.extras.join(", "),
    );
    for requirement in &report.requires {
        line("requires", requirement);
    }
    for (label, url) in &report.urls {
        line("link", &format!("{label}: {url}"));
    }
    let shown = if every_version { report.versions.len() } else { 8 };
    for version in report.versions.iter().take(shown) {
        let yanked = version
            .yanked
            .as_ref()
            .map(|reason| {
                if reason.is_empty() {
                    " (yanked)".to_owned()
                } else if report.package.starts_with("npm:") {
                    format!(" ({reason})")
                } else {
                    format!(" (yanked: {reason})")
                }
            })
            .unwrap_or_default();
        let unfit = if version.usable {
            ""
        } else {
            " (nothing for this machine)"
        };
        line("version", &format!("{}{yanked}{unfit}", version.version));
    }
    if report.versions.len() > shown {
        line(
            "",
            &format!(
                "… and {} older ones: `--versions` lists them",
                report.versions.len() - shown
            ),
        );
    }
    printer.data(&text);
}
