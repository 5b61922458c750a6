//! Whether what is installed is what every `package.json` asks for.

use std::collections::BTreeSet;
use std::io::Write;
use std::process::{Command, Stdio};

use serde::Serialize;
use wharf_testkit::{Link, Modules, NeedKind};

use crate::bench::npm::peers::NpmPeers;
use crate::shell::{self, Failure, about};

/// Needs that are not satisfied, as sentences.
#[derive(Debug, Default, Serialize)]
pub(super) struct Verdict {
    /// Peers that are not satisfied and that the tool spoke of.
    pub(super) unmet: BTreeSet<String>,
    /// Needs that are not satisfied without a word of it.
    pub(super) silent: BTreeSet<String>,
    /// How many needs were looked at.
    pub(super) needs: usize,
}

/// Looks at every need; `said` is what Wharf printed, and nothing of the peers, whose words are not read.
pub(super) fn judge(modules: &Modules, said: &str, peers: &NpmPeers) -> Result<Verdict, Failure> {
    let mut verdict = Verdict {
        needs: modules.links.len(),
        ..Verdict::default()
    };
    let ranged: Vec<&Link> = modules
        .links
        .iter()
        .filter(|link| range(link).is_some())
        .collect();
    let pairs: Vec<(&str, &str)> = ranged
        .iter()
        .filter_map(|link| Some((range(link)?, modules.found[link.to?].version.as_str())))
        .collect();
    let mut answers = satisfied(&pairs, peers)?.into_iter();
    for link in &modules.links {
        let wrong = match (range(link), link.to) {
            (Some(_), Some(_)) => answers.next().flatten() == Some(false),
            (None, Some(_)) => false,
            (_, None) => matches!(link.kind, NeedKind::Prod | NeedKind::Dev | NeedKind::Peer),
        };
        if wrong {
            match reported(modules, link, said) {
                true => verdict.unmet.insert(sentence(modules, link)),
                false => verdict.silent.insert(sentence(modules, link)),
            };
        }
    }
    Ok(verdict)
}

/// The range of versions that a need asks for, where it asks for one.
fn range(link: &Link) -> Option<&str> {
    let spec = link.spec.trim();
    let inner = match spec.strip_prefix("npm:") {
        // `npm:@scope/name@range`: what follows the last `@` that is not the scope's.
        Some(alias) => match alias.get(1..).and_then(|rest| rest.rfind('@')) {
            Some(position) => &alias[position + 2..],
            None => "*",
        },
        None => spec,
    };
    (!inner.contains([':', '/'])).then_some(inner)
}

/// Whether one sentence names who asks, the peer and the range.
fn reported(modules: &Modules, link: &Link, said: &str) -> bool {
    let from = &modules.found[link.from];
    let asker = match from.importer {
        true => from.name.clone(),
        false => format!(" > {}@{}", from.name, from.version),
    };
    let sentence = format!("{asker} wants {} {} as a peer", link.alias, link.spec);
    matches!(link.kind, NeedKind::Peer | NeedKind::OptionalPeer)
        && said
            .lines()
            .any(|line| line.starts_with("warning: ") && line.contains(&sentence))
}

fn sentence(modules: &Modules, link: &Link) -> String {
    let from = &modules.found[link.from];
    let found = link.to.map_or_else(
        || "nothing".to_owned(),
        |index| modules.found[index].version.clone(),
    );
    let kind = match link.kind {
        NeedKind::Prod => "needs",
        NeedKind::Dev => "needs to be developed",
        NeedKind::Optional => "takes",
        NeedKind::Peer => "needs as its peer",
        NeedKind::OptionalPeer => "takes as its peer",
    };
    format!(
        "{} {kind} {}@{} and finds {found}",
        from.label(),
        link.alias,
        link.spec
    )
}

/// What the reference implementation says of each pair; nothing where the range is none.
fn satisfied(pairs: &[(&str, &str)], peers: &NpmPeers) -> Result<Vec<Option<bool>>, Failure> {
    let script = shell::root().join("xtask/data/npm-check/ranges.cjs");
    let mut process = Command::new(&peers.node)
        .arg(&script)
        .arg(peers.folder.join("node_modules/semver"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(about("node"))?;
    // It answers when it has read everything: then nothing waits for anything.
    let mut input = process
        .stdin
        .take()
        .ok_or_else(|| Failure("node has no input".to_owned()))?;
    input.write_all(&serde_json::to_vec(pairs)?)?;
    drop(input);
    let output = process.wait_with_output()?;
    let answers: Vec<Option<bool>> =
        serde_json::from_slice(&output.stdout).map_err(about(script.display()))?;
    if answers.len() == pairs.len() {
        Ok(answers)
    } else {
        Err(Failure(format!("{}: too few answers", script.display())))
    }
}

#[cfg(test)]
mod tests {
    use wharf_testkit::Module;

    use super::*;

    fn link(alias: &str, spec: &str, kind: NeedKind) -> Link {
        Link {
            from: 0,
            alias: alias.to_owned(),
            spec: spec.to_owned(),
            kind,
            to: None,
        }
    }

    #[test]
    fn a_peer_is_reported_by_one_sentence_with_asker_peer_and_range() {
        let asker = Module {
            folder: "a".into(),
            name: "@s/a".to_owned(),
            version: "1.0.0".to_owned(),
            importer: false,
            manifest: serde_json::Value::Null,
        };
        let modules = Modules {
            found: vec![asker],
            links: Vec::new(),
        };
        let need = link("react", "^18", NeedKind::Peer);
        let check = |said: &str, expected: bool| {
            assert_eq!(reported(&modules, &need, said), expected, "{said}");
        };
        let whole = "warning: the project > b@2.0.0 > @s/a@1.0.0 wants react ^18 as a peer, but the project provides react@19.0.0";
        check(&format!("locked\n{whole}\n"), true);
        check(&whole.replace("@s/a@1.0.0", "@s/a@1.0.1"), false);
        check(&whole.replace("@s/a@1.0.0", "@s/aa@1.0.0"), false);
        check(&whole.replace("> @s/a", "> x@s/a"), false);
        check(&whole.replace("^18", "^18 || ^19"), false);
        check(&whole.replace("wants react", "wants react-dom"), false);
        check(&whole.replace(" wants", "\nwarning: b wants"), false);
        check("warning: react", false);
        let dependency = link("react", "^18", NeedKind::Prod);
        assert!(
            !reported(&modules, &dependency, whole),
            "only peers may stay unmet"
        );
    }

    #[test]
    fn only_ranges_are_asked_about() {
        let check = |spec: &str, expected: Option<&str>| {
            assert_eq!(range(&link("a", spec, NeedKind::Prod)), expected, "{spec}");
        };
        check("^1.2", Some("^1.2"));
        check("npm:@s/b@~1", Some("~1"));
        check("npm:b", Some("*"));
        check("workspace:^", None);
        check("user/repo#v1", None);
        check("https://example.org/a.tgz", None);
    }
}
