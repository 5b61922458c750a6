//! `wharf tool outdated`: tools, and what was put beside them, that have newer versions.

use std::pin::pin;

use futures::stream::{self, StreamExt};

use crate::describe::{self, LookUp};
use crate::error::OpsError;
use crate::names;
use crate::report::OutdatedReport;
use crate::session::Session;
use crate::tool::places::{Places, Tool};
use crate::tool::report::{FailedTool, OutdatedTool, ToolsOutdated};
use crate::tool::side_by_side::{AT_ONCE, own};
use crate::tool::{all_or_named, asked, mend_where_nobody_works};

/// Looks up what tools were asked for; without names those of every tool.
///
/// # Errors
/// Where a tool is not installed, or the only one cannot be looked up. Of several, those that cannot are in the report.
pub async fn outdated(session: &Session, wanted: &[String]) -> Result<ToolsOutdated, OpsError> {
    let places = Places::of(session)?;
    mend_where_nobody_works(session, &places)?;
    let tools = all_or_named(&places, wanted)?;
    let mut report = ToolsOutdated {
        checked: 0,
        outdated: Vec::new(),
        failed: Vec::new(),
        errors: Vec::new(),
    };
    let lookups = tools.iter().map(async |tool| {
        let own = own(session, tool);
        let found = describe::outdated_of(&own, LookUp::Direct).await;
        own.flush().await;
        (tool, found)
    });
    let mut lookups = pin!(stream::iter(lookups).buffered(AT_ONCE));
    while let Some((tool, found)) = lookups.next().await {
        match found.and_then(|found| entries(session, tool, found)) {
            Ok((checked, entries)) => {
                report.checked += checked;
                report.outdated.extend(entries);
            }
            Err(error) => {
                report.failed.push(FailedTool::of(&tool.package, &error));
                report.errors.push(error);
            }
        }
    }
    match (tools.len(), report.errors.len()) {
        (1, 1) => Err(report.errors.remove(0)),
        _ => Ok(report),
    }
}

fn entries(
    session: &Session,
    tool: &Tool,
    found: OutdatedReport,
) -> Result<(usize, Vec<OutdatedTool>), OpsError> {
    let requested = asked::stated(session, &tool.folder, &tool.package)?.requested;
    let entries = found.outdated.into_iter().map(|entry| OutdatedTool {
        tool: names::short(&tool.package),
        package: entry.package,
        requested: requested.clone(),
        locked: entry.locked,
        latest: entry.latest,
    });
    Ok((found.checked, entries.collect()))
}
