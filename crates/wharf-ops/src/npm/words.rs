//! What `.npmrc` says to scripts, for what `wharf run` starts: npm tells its configuration to install scripts and to all else that it runs.

use std::path::Path;

use wharf_install::lifecycle::{NODE_OPTIONS, config_variable};
use wharf_project::{Options, npm_script_config};

use crate::session::Session;

/// The variables for what runs in the session's folder of the project at `root`; none where npm's packages are not for it. What the user's
/// own variables say counts before all of it, and is not among them where it has npm's name already.
pub(crate) fn to_scripts(session: &Session, root: &Path) -> Vec<(String, String)> {
    let settings = session.settings();
    let mut folders = settings
        .directory
        .ancestors()
        .take_while(|folder| folder.starts_with(root));
    if !folders.any(|folder| folder.join("package.json").is_file()) {
        return Vec::new();
    }
    let options = Options {
        environment: settings.environment.clone(),
        ..Options::default()
    };
    let said = npm_script_config(root, &options);
    let words = said.words.into_iter();
    let variables = words.filter_map(|(key, word)| {
        let name = config_variable(&key);
        let mut own = settings.environment.iter();
        let own = own.find(|(variable, _)| variable.eq_ignore_ascii_case(&name));
        match own {
            _ if settings.environment.contains_key(&name) => None,
            Some((_, value)) => Some((name, value.clone())),
            None => Some((name, word)),
        }
    });
    // In the place of what the user's variable of the name says, as npm does it.
    let for_node = said.node_options.map(|text| (NODE_OPTIONS.to_owned(), text));
    variables.chain(for_node).collect()
}
