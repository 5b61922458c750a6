//! `wharf system` and `wharf search`.

use wharf_core::Ecosystem;
use wharf_ops::session::Session;
use wharf_ops::system::report::{
    DebInfo, FoundPackage, PlannedPackage, SystemList, SystemPlan, SystemSearch, SystemShow,
};
use wharf_ops::system::{self, PlanRequest, Task, Where};

use super::{CannotBegin, Failure, Outcome, words};
use crate::args::{self, PlanTask, Search, System, SystemCommand};
use crate::output::{Paint, Printer};

pub(super) fn system(arguments: &System, session: &Session, printer: Printer) -> Result<Outcome, Failure> {
    let place = Where {
        root: arguments.root.clone(),
    };
    match &arguments.command {
        SystemCommand::List(arguments) => {
            let mut report = system::list(session, &place, &arguments.names)?;
            report.packages.retain(|one| !(arguments.manual && one.automatic));
            printer.finish("system", &report, say_list);
        }
        SystemCommand::Search(arguments) => {
            let report = system::search(session, &place, &arguments.words)?;
            printer.finish("system", &report, say_search);
        }
        SystemCommand::Show(arguments) => {
            let report = system::show(session, &place, &arguments.name, None)?;
            printer.finish("system", &report, |printer, report| {
                say_show(printer, report, None);
            });
        }
        SystemCommand::Plan(arguments) => {
            let report = system::plan(session, &request(arguments, place))?;
            printer.finish("system", &report, say_plan);
        }
    }
    Ok(Outcome::SUCCESS)
}

pub(super) async fn search(
    arguments: &Search,
    session: &Session,
    printer: Printer,
) -> Result<Outcome, Failure> {
    let mut wanted = arguments.ecosystem;
    let words = arguments.words.iter().map(|word| match word.split_once(':') {
        Some((ecosystem, rest)) if ecosystem.parse::<Ecosystem>().is_ok() => {
            wanted = ecosystem.parse().ok();
            rest.to_owned()
        }
        _ => word.clone(),
    });
    let words: Vec<String> = words.filter(|word| !word.is_empty()).collect();
    match wanted {
        None | Some(Ecosystem::Deb) => {}
        Some(other) => {
            let reason = format!("the registry of {other} cannot be searched; `deb` can");
            return Err(CannotBegin::Value(reason).into());
        }
    }
    let mut report = system::search_anywhere(session, &words).await?;
    let all = report.packages.len();
    report.packages.truncate(arguments.limit);
    printer.finish("search", &report, |printer, report| {
        say_search(printer, report);
        if all > report.packages.len() {
            printer.remark(&format!(
                "… and {} more: `--limit {all}` shows them",
                all - report.packages.len()
            ));
        }
    });
    Ok(Outcome::SUCCESS)
}

fn request(arguments: &args::SystemPlan, place: Where) -> PlanRequest {
    let (task, packages) = match &arguments.task {
        PlanTask::Install(planned) => (Task::Install, &planned.packages),
        PlanTask::Remove(planned) => (Task::Remove, &planned.packages),
        PlanTask::Upgrade(planned) => (Task::Upgrade, &planned.packages),
    };
    PlanRequest {
        place,
        task,
        packages: packages.clone(),
        recommends: !arguments.no_recommends,
        target_release: arguments.target_release.clone(),
    }
}

fn say_list(printer: &Printer, report: &SystemList) {
    let names = width(report.packages.iter().map(|one| &one.package));
    let versions = width(report.packages.iter().map(|one| &one.version));
    let mut text = String::new();
    for one in &report.packages {
        let mark = if one.automatic { " " } else { "*" };
        let held = if one.held { "  (held)" } else { "" };
        text.push_str(&format!(
            "{mark} {:names$}  {:versions$}  {}{held}\n",
            one.package, one.version, one.summary
        ));
    }
    printer.data(&text);
}

fn say_search(printer: &Printer, report: &SystemSearch) {
    if report.packages.is_empty() {
        printer.remark("No package has all of these words");
        return;
    }
    let names = width(report.packages.iter().map(|one| &one.package));
    let line = |one: &FoundPackage| {
        let version = match &one.installed {
            Some(installed) if *installed == one.version => format!("{} (installed)", one.version),
            Some(installed) => format!("{} (installed: {installed})", one.version),
            None => one.version.clone(),
        };
        let name = format!("{:names$}", one.package);
        let name = printer.paint_data(Paint::Strong, &name);
        format!("{name}  {version}  {}\n", one.summary)
    };
    printer.data(&report.packages.iter().map(line).collect::<String>());
}

/// What `wharf info` tells of a Debian package; of many versions the highest.
pub(super) fn say_known(printer: &Printer, report: &DebInfo, every_version: bool) {
    let mut known = report.known.clone();
    let shown = if every_version { known.versions.len() } else { 8 };
    let more = known.versions.len().saturating_sub(shown);
    known.versions.truncate(shown);
    say_show(printer, &known, report.locked.as_deref());
    if more > 0 {
        printer.remark(&format!("… and {more} older versions: `--versions` lists them"));
    }
}

fn say_show(printer: &Printer, report: &SystemShow, locked: Option<&str>) {
    let mut text = format!("{}\n", printer.paint_data(Paint::Strong, &report.package));
    let mut line = |label: &str, value: &str| {
        if !value.is_empty() {
            text.push_str(&format!("  {label:12} {value}\n"));
        }
    };
    line("summary", &report.summary);
    let installed = report.installed.as_ref().map(|version| {
        let how = match (report.automatic, report.held) {
            (_, true) => " (held)",
            (true, false) => " (came along with others)",
            (false, false) => "",
        };
        format!("{version}{how}")
    });
    line("installed", installed.as_deref().unwrap_or_default());
    line("locked", locked.unwrap_or_default());
    line("section", &report.section);
    line("source", &report.source);
    for relation in &report.relations {
        line(&relation.field.to_lowercase(), &relation.text);
    }
    line("provided by", &report.provided_by.join(", "));
    for version in &report.versions {
        let size = match version.size {
            0 => String::new(),
            size => format!(", {} to fetch", words::size(size)),
        };
        let rest = format!("{} installed{size}", words::size(version.installed_size));
        line(
            "version",
            &format!(
                "{} {} from {} ({rest})",
                version.version,
                version.architecture,
                version.from.join(", ")
            ),
        );
    }
    for paragraph in report.description.lines() {
        text.push_str(&format!("  {paragraph}\n"));
    }
    printer.data(&text);
}

fn say_plan(printer: &Printer, report: &SystemPlan) {
    let groups = [
        ("Would install", Paint::Added, "+", &report.install),
        ("Would upgrade", Paint::Changed, "~", &report.upgrade),
        ("Would downgrade", Paint::Changed, "~", &report.downgrade),
        ("Would remove", Paint::Removed, "-", &report.remove),
    ];
    let mut text = String::new();
    for (title, paint, sign, packages) in groups {
        if packages.is_empty() {
            continue;
        }
        text.push_str(&format!("{title} {}:\n", words::count(packages.len(), "package")));
        for one in packages {
            text.push_str(&format!(
                " {} {}\n",
                printer.paint_data(paint, sign),
                planned(one)
            ));
        }
    }
    if text.is_empty() {
        text.push_str("Nothing would change\n");
    }
    let mut more = |title: &str, lines: &[String]| {
        if !lines.is_empty() {
            text.push_str(&format!("{title}:\n"));
            lines
                .iter()
                .for_each(|line| text.push_str(&format!("   {line}\n")));
        }
    };
    more("Recommended, but not taken", &report.declined);
    more("Suggested by new packages", &report.suggested);
    more("Needed by nothing any more", &report.unneeded);
    if report.command.is_some() {
        let (verb, bytes) = match report.installed_change {
            change if change < 0 => ("fewer", change.unsigned_abs()),
            change => ("more", change.unsigned_abs()),
        };
        let (fetch, change) = (words::size(report.download), words::size(bytes));
        text.push_str(&format!("{fetch} to fetch, {change} {verb} on the disk\n"));
    }
    printer.data(&text);
    if !report.essential.is_empty() {
        printer.remark(&format!(
            "Every system needs {}: without that the machine may not start any more, and apt asks for a sentence before it does so, or refuses",
            report.essential.join(", ")
        ));
    }
    if let Some(command) = &report.command {
        printer.remark(&format!(
            "This is a plan: Wharf does not change the machine. What would: {command}"
        ));
    }
}

/// `deb:nginx 1.0 → 2.0, 1.2 MiB (asked for)`
fn planned(one: &PlannedPackage) -> String {
    let versions = match (&one.from, &one.to) {
        (Some(from), Some(to)) => format!("{from} → {to}"),
        (from, to) => to.as_ref().or(from.as_ref()).cloned().unwrap_or_default(),
    };
    let size = match one.size {
        0 => String::new(),
        size => format!(", {}", words::size(size)),
    };
    format!("{} {versions}{size} ({})", one.package, one.reason)
}

fn width<'a>(texts: impl Iterator<Item = &'a String>) -> usize {
    texts.map(|text| text.chars().count()).max().unwrap_or_default()
}
