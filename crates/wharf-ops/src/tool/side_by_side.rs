//! Changes of several tools at once: environments are made side by side, commands are placed one tool after the other.
//!
//! What the tools share is limited by the one governor that all have: connections, cores, disk, builds. Invariant: what is told,
//! and whose a command becomes that several tools bring, follows the order in which the tools were named, not that in which they
//! were done.

use std::pin::pin;

use futures::stream::{self, StreamExt};
use wharf_core::PackageName;

use crate::error::OpsError;
use crate::names;
use crate::report::SyncReport;
use crate::request::{Installing, Solving, Upgrade};
use crate::session::Session;
use crate::sync::{self, SyncRequest};
use crate::tool::asked::{self, Asked};
use crate::tool::change::Change;
use crate::tool::error::ToolError;
use crate::tool::phases::Phases;
use crate::tool::places::{Places, Tool};
use crate::tool::report::{Exposed, FailedTool, InstalledTool, ToolsChanged};
use crate::tool::shims::{self, Taking};
use crate::tool::{commands, current_version, described};

/// How many tools are worked on at once. Each has a resolution in memory.
pub(crate) const AT_ONCE: usize = 8;

/// One change of one tool.
pub(crate) struct Wanted {
    pub(crate) tool: Tool,
    /// The new request and what is put beside it; empty keeps what is on record.
    pub(crate) asked: Vec<Asked>,
    pub(crate) upgrade: Upgrade,
    pub(crate) taking: Taking,
    pub(crate) solving: Solving,
    pub(crate) installing: Installing,
}

/// A change whose environment was made, or could not be.
pub(crate) struct Begun {
    pub(crate) change: Change,
    pub(crate) before: Option<String>,
    pub(crate) outcome: Result<SyncReport, OpsError>,
}

/// Makes tools what is wanted; those where that fails are what they were.
///
/// # Errors
/// Where there is one tool, and that fails. Of several, those that failed are in the report.
pub(crate) async fn carry_out(
    session: &Session,
    places: &Places,
    wanted: Vec<Wanted>,
) -> Result<ToolsChanged, OpsError> {
    let mut report = ToolsChanged::begin(session, places);
    if wanted.len() > 1 {
        // One for all, instead of one each.
        session.store()?;
    }
    let phases = Phases::new(session.sinks());
    let changes = wanted.iter().map(async |wanted| {
        let own = own(session, &wanted.tool).with_sinks(phases.of_one());
        (wanted, begin(own, wanted).await)
    });
    let mut changes = pin!(stream::iter(changes).buffered(AT_ONCE));
    while let Some((wanted, begun)) = changes.next().await {
        let done = begun.and_then(|begun| finish(session, places, &wanted.tool, begun, wanted.taking));
        report.note(&wanted.tool.package, done);
    }
    places.tidy();
    report.end()
}

/// A session in a tool's folder.
pub(crate) fn own(session: &Session, tool: &Tool) -> Session {
    let approving = format!("wharf tool approve {}", names::short(&tool.package));
    session
        .at(&tool.folder)
        .approving_by(approving)
        .asking_for("the tool")
}

/// Manifest and environment.
async fn begin(own: Session, wanted: &Wanted) -> Result<Begun, OpsError> {
    if own.cancel().is_cancelled() {
        return Err(OpsError::Interrupted);
    }
    let tool = &wanted.tool;
    let before = current_version(tool);
    let change = Change::begin(tool)?;
    let outcome = match write(&own, wanted) {
        Ok(request) => sync::sync(&own, &request).await,
        Err(error) => Err(error),
    };
    own.flush().await;
    Ok(Begun {
        change,
        before,
        outcome,
    })
}

/// Writes what is asked for; the sync that follows.
fn write(own: &Session, wanted: &Wanted) -> Result<SyncRequest, OpsError> {
    if !wanted.asked.is_empty() {
        let all: Vec<&Asked> = wanted.asked.iter().collect();
        asked::write(own, &wanted.tool.folder, &wanted.tool.package, &all)?;
    }
    Ok(SyncRequest {
        upgrade: wanted.upgrade.clone(),
        solving: wanted.solving.clone(),
        installing: kept(own, wanted.installing),
        ..SyncRequest::default()
    })
}

/// How the environment was made before, where nothing else is asked.
fn kept(own: &Session, installing: Installing) -> Installing {
    match installing == Installing::default() {
        true => sync::remembered(own).installing,
        false => installing,
    }
}

/// Commands; where these or the environment cannot be had, the tool is what it was.
pub(crate) fn finish(
    session: &Session,
    places: &Places,
    tool: &Tool,
    begun: Begun,
    taking: Taking,
) -> Result<InstalledTool, OpsError> {
    let Begun {
        change,
        before,
        outcome,
    } = begun;
    // What is installed for the first time can still be refused; an upgrade stands, and what is in its way is told.
    let taking = match (change.is_first(), taking) {
        (true, Taking::Free) => Taking::Refuse,
        (_, taking) => taking,
    };
    let placed = outcome.and_then(|synced| Ok((synced, place(session, places, tool, taking)?)));
    match placed {
        Ok((synced, exposed)) => {
            let same = change.asks_for_the_same();
            change.finish()?;
            Ok(InstalledTool {
                previous: before,
                up_to_date: synced.up_to_date && same,
                changes: synced.changes,
                generation: synced.generation,
                ..described(session, places, tool, exposed)?
            })
        }
        Err(error) => {
            change.undo(places)?;
            Err(error)
        }
    }
}

fn place(session: &Session, places: &Places, tool: &Tool, taking: Taking) -> Result<Vec<Exposed>, OpsError> {
    let brought = commands::of_tool(tool)?;
    if brought.commands.is_empty() {
        return Err(ToolError::NoCommands {
            package: tool.package.clone(),
            others: commands::others(tool, &brought)?,
        }
        .into());
    }
    shims::expose(session, places, tool, &brought, taking)
}

impl ToolsChanged {
    fn begin(session: &Session, places: &Places) -> Self {
        Self {
            tools: Vec::new(),
            failed: Vec::new(),
            bin_directory: places.bin.clone(),
            bin_on_path: shims::is_on_path(session, &places.bin),
            shell: session.settings().environment.get("SHELL").cloned(),
            errors: Vec::new(),
        }
    }

    fn note(&mut self, package: &PackageName, outcome: Result<InstalledTool, OpsError>) {
        match outcome {
            Ok(tool) => self.tools.push(tool),
            Err(error) => {
                self.failed.push(FailedTool::of(package, &error));
                self.errors.push(error);
            }
        }
    }

    /// The only failure of a command that did nothing else is the command's, and so is an interrupt that left nothing done.
    fn end(mut self) -> Result<Self, OpsError> {
        let interrupted = |error: &OpsError| matches!(error, OpsError::Interrupted);
        match (self.tools.is_empty(), self.errors.len()) {
            (true, 1) => Err(self.errors.remove(0)),
            (true, 2..) if self.errors.iter().all(interrupted) => Err(OpsError::Interrupted),
            _ => Ok(self),
        }
    }
}
