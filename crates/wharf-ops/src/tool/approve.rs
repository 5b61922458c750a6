//! `wharf tool approve`: which packages of a tool may run scripts when they are installed.

use crate::approve::{self, ApproveRequest};
use crate::error::OpsError;
use crate::report::ApproveReport;
use crate::session::Session;
use crate::tool::change::Change;
use crate::tool::places::Places;
use crate::tool::shims::Taking;
use crate::tool::side_by_side::own;
use crate::tool::{commands, mend, one_named, shims};

/// Allows scripts of packages that a tool needs, and makes its environment follow; without packages tells which have some.
///
/// # Errors
/// Where no such tool is installed, and as [`approve::approve`]; the tool is what it was then.
pub async fn approve(
    session: &Session,
    word: &str,
    request: &ApproveRequest,
) -> Result<ApproveReport, OpsError> {
    let places = Places::of(session)?;
    let _held = places.lock(session)?;
    mend(session, &places)?;
    let tool = match one_named(&places, word) {
        Ok(tool) => tool,
        Err(error) => {
            places.tidy();
            return Err(error);
        }
    };
    let own = own(session, &tool);
    let change = Change::begin(&tool)?;
    let approved = approve::approve(&own, request).await;
    own.flush().await;
    let placed = approved.and_then(|report| {
        let brought = commands::of_tool(&tool)?;
        shims::expose(session, &places, &tool, &brought, Taking::Free)?;
        Ok(report)
    });
    match placed {
        Ok(report) => {
            change.finish()?;
            Ok(report)
        }
        Err(error) => {
            change.undo(&places)?;
            Err(error)
        }
    }
}
