//! Do the locked tools still answer what the project asks?

use super::{ToolRequest, ToolsLock};
use crate::project::Project;

impl ToolsLock {
    /// What a project asks for, sorted by name; `None` where it has no tools.
    pub fn requests(project: &Project) -> Option<Vec<ToolRequest>> {
        let tools = &project.cargo_tools.as_ref()?.tools;
        let mut requests: Vec<ToolRequest> = tools.iter().map(ToolRequest::of).collect();
        requests.sort_by(|a, b| a.name.cmp(&b.name));
        (!requests.is_empty()).then_some(requests)
    }

    /// Every difference in words.
    pub(in crate::lock) fn differences(&self, now: &[ToolRequest]) -> Vec<String> {
        let mut reasons = Vec::new();
        for request in now {
            match self.tool(&request.name) {
                None => reasons.push(format!("the tool `{request}` is new")),
                Some(locked) if locked.request == *request => {}
                Some(locked) => reasons.push(format!("the tool `{}` became `{request}`", locked.request)),
            }
        }
        for locked in &self.tools {
            if !now.iter().any(|request| request.name == locked.request.name) {
                reasons.push(format!("the tool `{}` is gone", locked.request));
            }
        }
        reasons
    }
}
