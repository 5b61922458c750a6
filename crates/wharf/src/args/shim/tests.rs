//! Tables: what a script says, and what that is in Wharf's words.

use super::*;
use crate::args::{Command, habits};

fn of(line: &str) -> Result<Meant, Refused> {
    let own = ["wharf", "shim", "/s", "/c"].into_iter();
    let line: Vec<OsString> = own.chain(line.split_whitespace()).map(OsString::from).collect();
    meant(&line).map(|meant| meant.expect("it comes from a shim"))
}

/// What is said, and the words of Wharf's without those that all have.
#[track_caller]
fn check(said: &str, expected: &str) {
    let Ok(Meant::Words(words)) = of(said) else {
        panic!("{said}: {:?}", of(said));
    };
    assert_eq!(
        words[..7],
        ["wharf", "--store", "/s", "--cache", "/c", "--format", "text"].map(OsString::from)
    );
    let shown: Vec<_> = words[7..].iter().map(|word| word.to_string_lossy()).collect();
    assert_eq!(shown.join(" "), expected, "{said}");
    // Anybody could have typed it.
    let parsed = habits::read(words).unwrap_or_else(|error| panic!("{said}: {error}"));
    match parsed.command {
        Command::Run(run) => assert_eq!(run.no_sync, !run.command.is_empty()),
        Command::X(_) | Command::Setting(_) => {}
        other => panic!("{said}: {other:?}"),
    }
}

#[test]
fn scripts_by_npm() {
    for (said, expected) in [
        ("npm run build", "-C . run --no-sync --script -- build"),
        ("npm run-script build", "-C . run --no-sync --script -- build"),
        ("npm rum build", "-C . run --no-sync --script -- build"),
        ("npm run", "-C . run"),
        ("npm run build x y", "-C . run --no-sync --script -- build -- x y"),
        (
            "npm run build -- --watch --",
            "-C . run --no-sync --script -- build -- --watch --",
        ),
        (
            "npm run build x -- -s",
            "-C . run --no-sync --script -- build -- x -s",
        ),
        ("npm run -s build", "--quiet -C . run --no-sync --script -- build"),
        (
            "npm run build --silent",
            "--quiet -C . run --no-sync --script -- build",
        ),
        (
            "npm --loglevel=silent run build",
            "--quiet -C . run --no-sync --script -- build",
        ),
        (
            "npm --loglevel error run build",
            "-C . run --no-sync --script -- build",
        ),
        (
            "npm run --if-present build",
            "-C . run --no-sync --if-present -- build",
        ),
        (
            "npm --prefix web run build",
            "-C web run --no-sync --script -- build",
        ),
        (
            "npm run build --prefix=web",
            "-C web run --no-sync --script -- build",
        ),
        ("npm -C web test", "-C web run --no-sync --script -- test"),
        (
            "npm run build -w a --workspace=b",
            "-C . run --no-sync --script --workspace a --workspace b --no-bail -- build",
        ),
        (
            "npm run build -ws --if-present",
            "-C . run --no-sync --if-present --workspaces --no-bail -- build",
        ),
        (
            "npm run build --workspaces --include-workspace-root",
            "-C . run --no-sync --script --workspaces --include-workspace-root --no-bail -- build",
        ),
        (
            "npm run build --workspaces=false",
            "-C . run --no-sync --script -- build",
        ),
        (
            "npm run build --no-audit --no-fund --color=always",
            "-C . run --no-sync --script -- build",
        ),
    ] {
        check(said, expected);
    }
    for word in ["test", "t", "tst"] {
        check(
            &format!("npm {word} -- -u"),
            "-C . run --no-sync --script -- test -- -u",
        );
    }
    for word in ["start", "stop", "restart"] {
        check(
            &format!("npm {word}"),
            &format!("-C . run --no-sync --script -- {word}"),
        );
    }
}

#[test]
fn commands_by_npx_and_npm_exec() {
    for (said, expected) in [
        ("npx vitest", "-C . x --prefer-project -- npm:vitest"),
        (
            "npx vitest run --watch -s",
            "-C . x --prefer-project -- npm:vitest -- run --watch -s",
        ),
        (
            "npx -y cowsay@1 -- hi",
            "-C . x --prefer-project -- npm:cowsay@1 -- -- hi",
        ),
        ("npx -- vitest", "-C . x --prefer-project -- npm:vitest"),
        (
            "npx -p typescript tsc -p .",
            "-C . x --prefer-project --from npm:typescript -- tsc -- -p .",
        ),
        (
            "npx --package=a -p @b/c@^1 cmd",
            "-C . x --prefer-project --from npm:a --with npm:@b/c@^1 -- cmd",
        ),
        (
            "npx --no-install tsc --noEmit",
            "-C . run --no-sync --no-script -- tsc --noEmit",
        ),
        ("npx --no tsc", "-C . run --no-sync --no-script -- tsc"),
        ("npx -c echo", "-C . run --no-sync --no-script -- sh -c echo"),
        (
            "npm exec -- eslint --fix",
            "-C . x --prefer-project -- npm:eslint -- --fix",
        ),
        ("npm x eslint", "-C . x --prefer-project -- npm:eslint"),
        (
            "npm exec -w a -- tsc -b",
            "-C . run --no-sync --no-script --workspace a --no-bail -- tsc -b",
        ),
        ("pnpx cowsay hi", "-C . x -- npm:cowsay -- hi"),
        ("pnpm dlx --package a cmd -x", "-C . x --from npm:a -- cmd -- -x"),
        ("yarn dlx cowsay", "-C . x -- npm:cowsay"),
    ] {
        check(said, expected);
    }
}

#[test]
fn scripts_and_commands_by_pnpm() {
    for (said, expected) in [
        ("pnpm build", "-C . run --no-sync -- build"),
        ("pnpm tsc --noEmit", "-C . run --no-sync -- tsc --noEmit"),
        (
            "pnpm build -- --watch",
            "-C . run --no-sync --verbatim -- build -- --watch",
        ),
        ("pnpm -- build x -- y", "-C . run --no-sync -- build x -- y"),
        (
            "pnpm exec node -- x",
            "-C . run --no-sync --no-script -- node -- x",
        ),
        (
            "pnpm -r build -- --watch",
            "-C . run --no-sync --script --workspaces -- build -- -- --watch",
        ),
        (
            "pnpm run build --watch",
            "-C . run --no-sync --script -- build -- --watch",
        ),
        (
            "pnpm run build -- --watch",
            "-C . run --no-sync --script -- build -- -- --watch",
        ),
        ("pnpm test", "-C . run --no-sync --script -- test"),
        (
            "pnpm -s run --if-present build",
            "--quiet -C . run --no-sync --if-present -- build",
        ),
        (
            "pnpm -r build",
            "-C . run --no-sync --script --workspaces -- build",
        ),
        (
            "pnpm run -r --no-bail build",
            "-C . run --no-sync --script --workspaces --no-bail -- build",
        ),
        (
            "pnpm recursive run build",
            "-C . run --no-sync --script --workspaces -- build",
        ),
        (
            "pnpm --filter @s/* -r build x",
            "-C . run --no-sync --script --workspace @s/* -- build -- x",
        ),
        (
            "pnpm -F ./packages/** test",
            "-C . run --no-sync --script --workspace ./packages/** -- test",
        ),
        (
            "pnpm --filter {packages/*} test",
            "-C . run --no-sync --script --workspace packages/* -- test",
        ),
        (
            "pnpm --filter ../packages/ test",
            "-C . run --no-sync --script --workspace ../packages/ -- test",
        ),
        (
            "pnpm --filter={apps} test",
            "-C . run --no-sync --script --workspace apps -- test",
        ),
        ("pnpm -C web build", "-C web run --no-sync -- build"),
        (
            "pnpm -w run build",
            "-C . run --no-sync --script --include-workspace-root -- build",
        ),
        (
            "pnpm -r --workspace-root build",
            "-C . run --no-sync --script --include-workspace-root -- build",
        ),
        ("pnpm exec tsc -b", "-C . run --no-sync --no-script -- tsc -b"),
        (
            "pnpm -r exec rm -rf dist",
            "-C . run --no-sync --no-script --workspaces -- rm -rf dist",
        ),
        (
            "pnpm --parallel dev",
            "-C . run --no-sync --script --workspaces --parallel -- dev",
        ),
        (
            "pnpm -r run --parallel --no-bail dev -- x",
            "-C . run --no-sync --script --workspaces --no-bail --parallel -- dev -- -- x",
        ),
        (
            "pnpm --parallel --filter ./libs/* dev",
            "-C . run --no-sync --script --workspace ./libs/* --parallel -- dev",
        ),
        (
            "pnpm --parallel -w dev",
            "-C . run --no-sync --script --include-workspace-root --parallel -- dev",
        ),
        (
            "pnpm -r --parallel exec tsc -w",
            "-C . run --no-sync --no-script --workspaces --parallel -- tsc -w",
        ),
        ("pnpm run", "-C . run"),
    ] {
        check(said, expected);
    }
}

#[test]
fn scripts_and_commands_by_yarn() {
    for (said, expected) in [
        ("yarn build", "-C . run --no-sync -- build"),
        (
            "yarn -s build --watch",
            "--quiet -C . run --no-sync -- build --watch",
        ),
        ("yarn run tsc -b", "-C . run --no-sync -- tsc -b"),
        ("yarn --cwd web build", "-C web run --no-sync -- build"),
        ("yarn test", "-C . run --no-sync -- test"),
        // Of the version that it says it is, yarn takes the `--` away.
        ("yarn build -- --watch", "-C . run --no-sync -- build -- --watch"),
        ("yarn node x.js", "-C . run --no-sync --no-script -- node x.js"),
        ("yarn exec tsc", "-C . run --no-sync --no-script -- tsc"),
        (
            "yarn workspace web build -x",
            "-C . run --no-sync --workspace web -- build -x",
        ),
        (
            "yarn workspace web run build",
            "-C . run --no-sync --workspace web -- build",
        ),
        (
            "yarn workspaces run build",
            "-C . run --no-sync --script --workspaces -- build",
        ),
        (
            "yarn workspaces foreach -A -t run build",
            "-C . run --no-sync --script --workspaces -- build",
        ),
    ] {
        check(said, expected);
    }
}

#[test]
fn questions() {
    for (said, expected) in [
        ("npm config get registry", "-C . setting registry"),
        ("pnpm get registry", "-C . setting registry"),
        ("yarn config get registry", "-C . setting registry"),
        ("npm prefix", "-C . setting prefix"),
        ("npm root --prefix web", "-C web setting root"),
        ("yarn bin", "-C . setting bin"),
    ] {
        check(said, expected);
    }
    for said in [
        "npm --version",
        "npm -v",
        "npx --version",
        "pnpm -v",
        "pnpx -v",
        "yarn --version",
    ] {
        let Ok(Meant::Answer(version)) = of(said) else {
            panic!("{said}");
        };
        let (numbers, build) = version.split_once('+').expect("it says who it is");
        assert!(build.starts_with("wharf."), "{version}");
        let numbers: Vec<u32> = numbers.split('.').map(|part| part.parse().unwrap()).collect();
        assert_eq!(numbers.len(), 3, "{version}");
    }
    // What belongs to a script is the script's.
    check(
        "npm run x -- --version",
        "-C . run --no-sync --script -- x -- --version",
    );
    check("npx tsc -v", "-C . x --prefer-project -- npm:tsc -- -v");
}

#[test]
fn what_is_not_understood_is_refused_by_its_name() {
    for (said, words) in [
        (
            "npm install",
            &[
                "`npm install`",
                "no script changes it",
                "`wharf sync`",
                "wharf add --dev npm:npm",
            ][..],
        ),
        ("npm ci", &["`npm ci`", "`wharf sync --locked`"]),
        ("npm i left-pad", &["`npm i`", "`wharf add npm:NAME`"]),
        ("npm publish", &["`npm publish`", "none of the commands"]),
        (
            "npm install --save-dev x",
            &["`npm install`", "`wharf sync`", "no script changes it"],
        ),
        ("npm ci --ignore-scripts", &["`npm ci`", "`wharf sync --locked`"]),
        ("npm --prefix web ci --ignore-scripts", &["`npm ci`"]),
        ("npm install -g x", &["`npm install`"]),
        ("npm -g install x", &["`npm install`"]),
        ("npm --ignore-scripts ci", &["`npm ci`"]),
        ("npm publish --access public", &["`npm publish`"]),
        ("npm ls --json", &["`npm ls`", "`wharf tree`"]),
        ("npm root -g", &["`-g`"]),
        ("npm --quickly run install", &["`--quickly`"]),
        ("npm --tag next run install", &["`--tag`"]),
        ("pnpm --global add x", &["`pnpm add`"]),
        ("pnpm run --quickly install", &["`--quickly`"]),
        ("yarn --frozen-lockfile", &["`yarn install`", "`wharf sync`"]),
        ("yarn --frozen-lockfile install", &["`yarn install`"]),
        ("yarn --quickly build", &["`--quickly`"]),
        ("npm pkg set x=y", &["`npm pkg`"]),
        ("npm config set x y", &["`npm config set x y`"]),
        ("npm", &["names no command"]),
        (
            "npm run build --watch",
            &["`--watch`", "`npm run build -- --watch`"],
        ),
        ("npm test --coverage", &["`npm test -- --coverage`"]),
        ("npm run build --ignore-scripts", &["`--ignore-scripts`", "hooks"]),
        ("npm run -w", &["`-w`", "a value"]),
        ("npm run -ws", &["missing"]),
        ("npx", &["no command is named"]),
        ("npx --quickly tsc", &["`--quickly`"]),
        ("npx -p a -c b", &["--call"]),
        ("pnpm", &["`pnpm install`", "npm:pnpm"]),
        ("pnpm add x", &["`pnpm add`", "`wharf add npm:NAME`"]),
        ("pnpm --filter a... build", &["`--filter a...`"]),
        ("pnpm --filter !a build", &["`--filter !a`"]),
        (
            "pnpm --filter ./packages/a* build",
            &["`--filter ./packages/a*`", "`/*`"],
        ),
        ("pnpm --filter ./**/a build", &["`--filter ./**/a`"]),
        (
            "pnpm --filter {packages/*/*} build",
            &["`--filter {packages/*/*}`"],
        ),
        ("pnpm --filter ./a? build", &["`--filter ./a?`"]),
        ("pnpm dlx", &["no command is named"]),
        ("yarn", &["`yarn install`", "npm:yarn"]),
        ("yarn add x", &["`yarn add`"]),
        ("yarn workspaces info", &["`yarn workspaces info`"]),
        ("yarn workspaces foreach -p run x", &["foreach -p"]),
        ("yarn workspace", &["no member"]),
    ] {
        let refused = of(said).expect_err(said);
        let all = format!("{refused} {}", refused.hints().join(" "));
        for word in words {
            assert!(all.contains(word), "{said}: {word}: {all}");
        }
    }
}

#[test]
fn what_somebody_types_is_left_alone() {
    for line in [
        &["wharf", "run", "build"][..],
        &["wharf", "shim", "a", "b", "cargo", "x"],
        &["wharf", "x", "a", "b", "npm"],
    ] {
        let line: Vec<OsString> = line.iter().map(OsString::from).collect();
        assert_eq!(meant(&line), Ok(None));
    }
}
