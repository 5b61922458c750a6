//! What each of the programs does with its words.

use std::ffi::{OsStr, OsString};

use super::words::{Flags, Reach, Stuck, take};
use super::{Meant, Program, Refused};

/// What the words mean that a program was given.
pub(super) fn meant(program: Program, words: &[OsString]) -> Result<Meant, Refused> {
    let mut asked = Asked {
        program,
        flags: Flags::default(),
    };
    match program {
        Program::Npm => asked.npm(words),
        Program::Npx => {
            let words = asked.up_to_command(words)?;
            asked.command(words)
        }
        Program::Pnpm => asked.pnpm(words),
        Program::Pnpx => {
            let words = asked.up_to_command(words)?;
            asked.fetched(&words)
        }
        Program::Yarn => asked.yarn(words),
    }
}

/// What a word may name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// A script alone.
    Script,
    /// A script, else a command.
    Any,
    /// A command alone.
    Command,
}

/// Commands of npm's that are understood.
const DONE_FOR_NPM: &str =
    " run run-script rum urn test t tst start stop restart exec x config c get prefix root bin ";

/// Commands of pnpm's that no script of the name comes before, beside those that are understood.
const OF_PNPM: &str = " install i add a remove rm un uninstall update up upgrade link ln unlink import rebuild rb prune fetch \
    install-test it patch patch-commit patch-remove audit list ls ll la outdated why licenses publish pack server store env create init \
    deploy doctor setup dedupe approve-builds ignored-builds self-update cache cat-file cat-index find-hash login logout whoami version view \
    info show search pkg help ci clean-install ";
/// The same of yarn's, classic and modern.
const OF_YARN: &str = " install add remove up upgrade upgrade-interactive init create link unlink pack publish version versions \
    cache why info list outdated audit licenses login logout owner tag team set plugin dedupe rebuild patch patch-commit npm constraints \
    import global generate-lock-entry autoclean check policies self-update unplug stage search help ";

/// A list of words with spaces between them, and around them.
fn is_among(list: &str, word: &str) -> bool {
    list.split_whitespace().any(|one| one == word)
}

struct Asked {
    program: Program,
    flags: Flags,
}

impl Asked {
    fn npm(mut self, words: &[OsString]) -> Result<Meant, Refused> {
        let (plain, behind) = self.first_words(words, Reach::All)?;
        if self.flags.version {
            return Ok(Meant::Answer(self.program.version()));
        }
        // Without `bail` of its own, npm goes on with the other members.
        self.flags.no_bail = self.has_members();
        let Some((first, plain)) = plain.split_first() else {
            return Err(Refused::new(self.program, "npm", "it names no command"));
        };
        let all = || plain.iter().chain(&behind).cloned().collect::<Vec<OsString>>();
        match first.to_str().unwrap_or_default() {
            "run" | "run-script" | "rum" | "urn" => self.script(&all(), Kind::Script),
            "test" | "t" | "tst" => self.named_script("test", &all()),
            name @ ("start" | "stop" | "restart") => self.named_script(name, &all()),
            "exec" | "x" => self.command(all()),
            name => self.question(&[OsStr::new(name)], plain),
        }
    }

    fn pnpm(mut self, words: &[OsString]) -> Result<Meant, Refused> {
        let (plain, behind) = self.first_words(words, Reach::First)?;
        let words = [plain, behind].concat();
        if self.flags.version {
            return Ok(Meant::Answer(self.program.version()));
        }
        self.settle_filters()?;
        let Some((first, rest)) = words.split_first() else {
            return Err(Refused::command(self.program, "install"));
        };
        match first.to_str().unwrap_or_default() {
            "run" | "run-script" => {
                let rest = self.up_to_command(rest)?;
                self.settle_filters()?;
                self.script(&rest, Kind::Script)
            }
            "test" | "t" | "tst" => self.named_script("test", rest),
            name @ ("start" | "stop" | "restart") => self.named_script(name, rest),
            "exec" => {
                let rest = self.up_to_command(rest)?;
                self.settle_filters()?;
                self.own_command(&rest)
            }
            "dlx" => {
                let rest = self.up_to_command(rest)?;
                self.fetched(&rest)
            }
            "recursive" | "multi" | "m" => {
                self.flags.all = true;
                self.pnpm(rest)
            }
            name @ ("config" | "c" | "get" | "root" | "bin" | "prefix") => {
                self.question(&[OsStr::new(name)], rest)
            }
            name if is_among(OF_PNPM, name) => Err(Refused::command(self.program, name)),
            // In members only what has the script runs; alone it may be a command.
            _ if self.has_members() => self.script(&words, Kind::Script),
            _ => self.script(&words, Kind::Any),
        }
    }

    fn yarn(mut self, words: &[OsString]) -> Result<Meant, Refused> {
        let (plain, behind) = self.first_words(words, Reach::First)?;
        let words = [plain, behind].concat();
        if self.flags.version {
            return Ok(Meant::Answer(self.program.version()));
        }
        let Some((first, rest)) = words.split_first() else {
            return Err(Refused::command(self.program, "install"));
        };
        match first.to_str().unwrap_or_default() {
            "run" => {
                let rest = self.up_to_command(rest)?;
                self.script(&rest, Kind::Any)
            }
            "exec" | "node" => {
                let rest = match first == "node" {
                    true => words,
                    false => self.up_to_command(rest)?,
                };
                self.own_command(&rest)
            }
            "dlx" => {
                let rest = self.up_to_command(rest)?;
                self.fetched(&rest)
            }
            "workspace" => {
                let Some((Some(member), rest)) = rest.split_first().map(|(name, rest)| (name.to_str(), rest))
                else {
                    return Err(Refused::new(self.program, "yarn workspace", "no member is named"));
                };
                self.flags.named.push(member.to_owned());
                self.yarn(rest)
            }
            "workspaces" => self.yarn_workspaces(rest),
            name @ ("config" | "bin") => self.question(&[OsStr::new(name)], rest),
            name if is_among(OF_YARN, name) => Err(Refused::command(self.program, name)),
            _ => self.script(&words, Kind::Any),
        }
    }

    fn yarn_workspaces(mut self, words: &[OsString]) -> Result<Meant, Refused> {
        self.flags.all = true;
        let mut words = words.iter();
        let which = words.next().and_then(|word| word.to_str()).unwrap_or_default();
        let mut rest: Vec<OsString> = words.cloned().collect();
        if which == "foreach" {
            while let Some(flag) = rest.first().and_then(|word| word.to_str()).map(str::to_owned) {
                match flag.as_str() {
                    "-A" | "--all" | "-t" | "--topological" | "--topological-dev" | "-v" | "--verbose" => {}
                    flag if flag.starts_with('-') => {
                        let why = "members run one after the other, and all of them";
                        return Err(Refused::new(
                            self.program,
                            format!("yarn workspaces foreach {flag}"),
                            why,
                        ));
                    }
                    _ => break,
                }
                rest.remove(0);
            }
        }
        match (which, rest.first().and_then(|word| word.to_str())) {
            ("run", Some(_)) => self.script(&rest, Kind::Script),
            ("foreach", Some("run")) => self.script(&rest[1..], Kind::Script),
            ("foreach", Some("exec")) => self.own_command(&rest[1..]),
            _ => Err(Refused::command(self.program, &format!("workspaces {which}"))),
        }
    }

    /// The words of the whole line. Where an option keeps it from being understood, what it belongs to may be a command that is not
    /// done with it either.
    fn first_words(
        &mut self,
        words: &[OsString],
        reach: Reach,
    ) -> Result<(Vec<OsString>, Vec<OsString>), Refused> {
        take(self.program, &mut self.flags, words, reach).map_err(|stuck| self.rather_command(*stuck))
    }

    fn rather_command(&self, stuck: Stuck) -> Refused {
        let [before, behind] =
            [&stuck.before, &stuck.behind].map(|word| word.as_ref().and_then(|word| word.to_str()));
        let command = match (before, behind) {
            (Some(word), _) if !is_among(DONE_FOR_NPM, word) => Some(word),
            (None, Some(word)) if is_among(OF_PNPM, word) => Some(word),
            // By itself, yarn installs.
            (None, None) if self.program == Program::Yarn => Some("install"),
            _ => None,
        };
        match command {
            Some(word) => Refused::command(self.program, word),
            None => stuck.refused,
        }
    }

    /// The words from the first that is no option.
    fn up_to_command(&mut self, words: &[OsString]) -> Result<Vec<OsString>, Refused> {
        let (plain, behind) = take(self.program, &mut self.flags, words, Reach::First)?;
        Ok(plain.into_iter().chain(behind).collect())
    }

    fn has_members(&self) -> bool {
        let flags = &self.flags;
        flags.all || flags.root || !flags.named.is_empty()
    }

    /// Filters of pnpm's as names and folders. With one, `--recursive` says nothing more.
    fn settle_filters(&mut self) -> Result<(), Refused> {
        for filter in &mut self.flags.named {
            let beyond = filter.contains("...") || filter.contains(['^', '[']) || filter.starts_with('!');
            if beyond {
                let why = "filters are names, patterns of names, and folders";
                return Err(Refused::new(self.program, format!("--filter {filter}"), why));
            }
            let braced = filter.strip_prefix('{').and_then(|inner| inner.strip_suffix('}'));
            let is_folder = braced.is_some()
                || filter == "."
                || filter == ".."
                || ["./", "../"].iter().any(|start| filter.starts_with(start));
            if is_folder {
                let folder = braced.unwrap_or(filter);
                let fixed = folder.strip_suffix("/**").or_else(|| folder.strip_suffix("/*"));
                if fixed.unwrap_or(folder).contains(['*', '?']) {
                    let why = "in a folder's place `/*` stands for those that lie in it, `/**` for all below it, both at the end alone";
                    return Err(Refused::new(self.program, format!("--filter {filter}"), why));
                }
                *filter = folder.to_owned();
            }
        }
        self.flags.root |= self.flags.only_root;
        self.flags.all &= self.flags.named.is_empty() && !self.flags.only_root;
        Ok(())
    }

    /// A script by the first of the words, or a list of them all.
    fn script(&self, words: &[OsString], kind: Kind) -> Result<Meant, Refused> {
        match words.split_first() {
            None if self.has_members() => {
                let why = "what is to run in the members is missing";
                Err(Refused::new(
                    self.program,
                    format!("{} run", self.program.name()),
                    why,
                ))
            }
            None => Ok(self.line("run", Vec::new())),
            Some((name, arguments)) => Ok(self.run(kind, name, arguments)),
        }
    }

    fn named_script(&self, name: &str, arguments: &[OsString]) -> Result<Meant, Refused> {
        Ok(self.run(Kind::Script, OsStr::new(name), arguments))
    }

    fn run(&self, kind: Kind, name: &OsStr, arguments: &[OsString]) -> Meant {
        let flags = &self.flags;
        let mut words: Vec<OsString> = vec!["--no-sync".into()];
        match kind {
            Kind::Command => words.push("--no-script".into()),
            Kind::Script | Kind::Any if flags.if_present => words.push("--if-present".into()),
            Kind::Script => words.push("--script".into()),
            Kind::Any => {}
        }
        let has_separator = arguments.first().is_some_and(|word| word == "--");
        if self.program == Program::Pnpm && kind == Kind::Any && has_separator {
            words.push("--verbatim".into());
        }
        for name in &flags.named {
            words.extend(["--workspace".into(), name.into()]);
        }
        let members = [
            (flags.all, "--workspaces"),
            (flags.root, "--include-workspace-root"),
            (flags.no_bail, "--no-bail"),
            (flags.parallel, "--parallel"),
        ];
        words.extend(members.iter().filter(|(on, _)| *on).map(|(_, word)| word.into()));
        words.extend(["--".into(), name.to_owned()]);
        if kind == Kind::Script && !arguments.is_empty() {
            // A script's own `--`, if there is one, is behind this.
            words.push("--".into());
        }
        words.extend(arguments.iter().cloned());
        self.line("run", words)
    }

    /// A command as npx starts it: the project's own, else that of a package.
    fn command(self, words: Vec<OsString>) -> Result<Meant, Refused> {
        if self.flags.version {
            return Ok(Meant::Answer(self.program.version()));
        }
        let only_own = self.flags.own_only || self.has_members();
        match (&self.flags.call, self.flags.packages.is_empty()) {
            (Some(_), false) => {
                let why = "a line of the shell gets no packages of its own";
                Err(Refused::new(self.program, "--package … --call", why))
            }
            (Some(line), true) => {
                let arguments = ["-c".into(), line.into()];
                Ok(self.run(Kind::Command, OsStr::new("sh"), &arguments))
            }
            (None, true) if only_own => self.own_command(&words),
            (None, false) if only_own => {
                let why = "nothing is fetched for members of the workspace, or where nothing may be";
                Err(Refused::new(self.program, "--package", why))
            }
            (None, _) => self.once(&words, &["--prefer-project"]),
        }
    }

    /// A command of a package, whatever the project has.
    fn fetched(&self, words: &[OsString]) -> Result<Meant, Refused> {
        match self.flags.version {
            true => Ok(Meant::Answer(self.program.version())),
            false => self.once(words, &[]),
        }
    }

    fn own_command(&self, words: &[OsString]) -> Result<Meant, Refused> {
        match words.split_first() {
            Some((name, arguments)) => Ok(self.run(Kind::Command, name, arguments)),
            None => Err(self.nothing()),
        }
    }

    fn nothing(&self) -> Refused {
        Refused::new(self.program, self.program.name(), "no command is named")
    }

    fn once(&self, words: &[OsString], flags: &[&str]) -> Result<Meant, Refused> {
        let Some((name, arguments)) = words.split_first() else {
            return Err(self.nothing());
        };
        let mut line: Vec<OsString> = flags.iter().map(OsString::from).collect();
        let mut packages = self
            .flags
            .packages
            .iter()
            .map(|package| of_npm(OsStr::new(package)));
        let name = match packages.next() {
            Some(first) => {
                line.extend(["--from".into(), first]);
                line.extend(packages.flat_map(|package| ["--with".into(), package]));
                name.clone()
            }
            None => of_npm(name),
        };
        line.extend(["--".into(), name]);
        if !arguments.is_empty() {
            line.push("--".into());
            line.extend(arguments.iter().cloned());
        }
        Ok(self.line("x", line))
    }

    /// What is asked about the program itself.
    fn question(&self, first: &[&OsStr], rest: &[OsString]) -> Result<Meant, Refused> {
        let words = first.iter().copied().chain(rest.iter().map(OsString::as_os_str));
        let words: Vec<&str> = words.map(|word| word.to_str().unwrap_or_default()).collect();
        let setting = match words[..] {
            ["config" | "c", "get", "registry"] | ["get", "registry"] => "registry",
            ["prefix"] => "prefix",
            ["root"] => "root",
            ["bin"] => "bin",
            ["config" | "c" | "get" | "set", ..] => {
                return Err(Refused::command(self.program, &words.join(" ")));
            }
            _ => return Err(Refused::command(self.program, words[0])),
        };
        Ok(self.line("setting", vec![setting.into()]))
    }

    /// A command line: where it works and how much it says, the command, its words. The folder is always said, since a variable may
    /// name another one.
    fn line(&self, command: &str, words: Vec<OsString>) -> Meant {
        let flags = &self.flags;
        let mut line: Vec<OsString> = Vec::new();
        let switches = [
            (flags.quiet, "--quiet"),
            (flags.verbose && !flags.quiet, "--verbose"),
            (flags.offline, "--offline"),
        ];
        line.extend(switches.iter().filter(|(on, _)| *on).map(|(_, word)| word.into()));
        let folder = flags.folder.as_deref().unwrap_or(".");
        line.extend(["-C".into(), folder.into(), command.into()]);
        line.extend(words);
        Meant::Words(line)
    }
}

/// A package of npm's in Wharf's words.
fn of_npm(name: &OsStr) -> OsString {
    let mut text = OsString::from("npm:");
    text.push(name);
    text
}
