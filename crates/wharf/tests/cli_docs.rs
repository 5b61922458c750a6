//! `docs/cli.md` is what the real binary says about itself. A stale page fails here; `WHARF_UPDATE_DOCS=1` rewrites it.

use std::path::Path;

use wharf_testkit::Fixture;

const HEAD: &str = "# Commands

This page is written from `wharf --help` and the help of every command. Do not edit it: change the help text and run
`WHARF_UPDATE_DOCS=1 cargo test -p wharf --test cli_docs`.

- What was asked for goes to standard output. Progress, remarks, warnings and errors go to standard error.
- `--format json` prints one document; [json.md](json.md) has its shapes. Exit codes are in [exit-codes.md](exit-codes.md).
- A bare package name means PyPI where a locked package is named (`wharf why anyio`). What is added needs its ecosystem
  (`wharf add pypi:anyio`).
- Bars are shown on a terminal only, and never with `--quiet`, `--no-progress`, `--format json`, `-vv` or a set `CI`.
- Colour follows the terminal. A set `NO_COLOR` turns it off; `--color` has the last word.
- A flag with `[env: NAME=]` can be given by that variable. `WHARF_LOG` takes a filter for traces (`wharf_net=debug`).
- `wharf help COMMAND` is `wharf COMMAND --help`.
- `wharf man FOLDER` writes manual pages into a folder.
";

#[test]
fn the_page_says_what_the_binary_says() {
    let fixture = Fixture::new(env!("CARGO_BIN_EXE_wharf"));
    let mut page = HEAD.to_owned();
    describe(&fixture, &[], &mut page);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/cli.md");
    if std::env::var_os("WHARF_UPDATE_DOCS").is_some() {
        std::fs::write(&path, &page).expect("the documentation can be written");
        return;
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    let different = found.lines().zip(page.lines()).find(|(old, new)| old != new);
    assert!(
        found == page,
        "docs/cli.md is stale ({different:?}): run `WHARF_UPDATE_DOCS=1 cargo test -p wharf --test cli_docs`"
    );
}

/// Appends the help of a command and of those below it.
fn describe(fixture: &Fixture, words: &[&str], page: &mut String) {
    let mut arguments = words.to_vec();
    arguments.push("--help");
    let help = fixture.run(&arguments).success().stdout;
    let commands = commands(&help);
    let title = std::iter::once("wharf").chain(words.iter().copied());
    page.push_str(&format!("\n## `{}`\n\n", title.collect::<Vec<_>>().join(" ")));
    let shown = if words.is_empty() {
        help.as_str()
    } else {
        without_global_options(&help)
    };
    page.push_str("```text\n");
    for line in shown.trim_end().lines() {
        page.push_str(line.trim_end());
        page.push('\n');
    }
    page.push_str("```\n");
    for command in commands {
        let mut words = words.to_vec();
        words.push(&command);
        describe(fixture, &words, page);
    }
}

/// The names in the list of commands.
fn commands(help: &str) -> Vec<String> {
    let (_, list) = help.split_once("\nCommands:\n").unwrap_or_default();
    list.lines()
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.strip_prefix("  ").filter(|line| !line.starts_with(' ')))
        .filter_map(|line| Some(line.split_whitespace().next()?.to_owned()))
        // `wharf help sync` is `wharf sync --help`.
        .filter(|name| name != "help")
        .collect()
}

/// The help of a command without what every command has: the page has that at its top.
fn without_global_options(help: &str) -> &str {
    help.split_once("\nGlobal options:\n")
        .map_or(help, |(own, _)| own)
}

#[test]
fn every_command_and_flag_says_what_it_does() {
    let fixture = Fixture::new(env!("CARGO_BIN_EXE_wharf"));
    let help = fixture.run(&["--help"]).success().stdout;
    let names = commands(&help);
    assert!(names.contains(&"sync".to_owned()), "{help}");
    for name in names {
        let help = fixture.run(&[&name, "-h"]).success().stdout;
        for line in help.lines().filter(|line| line.trim_start().starts_with('-')) {
            let flag = line.trim_start();
            let says = flag
                .split_once("  ")
                .is_some_and(|(_, text)| !text.trim().is_empty());
            assert!(says, "{name}: no word about `{flag}`\n{help}");
        }
    }
}
