//! One version of a Debian package, described step by step and built into a real `.deb` and a stanza of `Packages`.
//!
//! Invariant: what is published is consistent (stanza, control file and archive agree) unless a step asked for the contrary.
//! Source: deb(5), deb-control(5), and the Debian Policy Manual, chapters 5 to 7.

use std::fmt::Write;

use md5::{Digest, Md5};

use super::archive::{DebCompression, Entry, Kind, ar, tar};
use super::repository::DebRepository;
use crate::archive::hex_digest;

/// A version under construction: `DebPackage::new("a", "1.0-1").depends("b (>= 2)").publish(&repository)`.
#[derive(Debug, Clone)]
pub struct DebPackage {
    name: String,
    version: String,
    architecture: String,
    fields: Vec<(String, String)>,
    description: String,
    entries: Vec<Entry>,
    control_files: Vec<(String, Vec<u8>, u32)>,
    conffiles: Vec<String>,
    control_text: Option<String>,
    md5sums: bool,
    control_compression: DebCompression,
    data_compression: DebCompression,
    /// In the stanza only.
    told: Vec<(String, String)>,
    broken: Vec<Broken>,
}

/// What is wrong with the archive itself.
#[derive(Debug, Clone)]
enum Broken {
    Cut(usize),
    Without(String),
    Renamed(String, String),
    Content(String, Vec<u8>),
    First(String, Vec<u8>),
    Last(String, Vec<u8>),
    Reversed,
}

impl DebPackage {
    /// A package for all architectures, without files.
    #[must_use]
    pub fn new(name: &str, version: &str) -> Self {
        Self {
            name: name.to_owned(),
            version: version.to_owned(),
            architecture: "all".to_owned(),
            fields: Vec::new(),
            description: format!("the testkit's {name}"),
            entries: Vec::new(),
            control_files: Vec::new(),
            conffiles: Vec::new(),
            control_text: None,
            md5sums: true,
            control_compression: DebCompression::Xz,
            data_compression: DebCompression::Xz,
            told: Vec::new(),
            broken: Vec::new(),
        }
    }

    /// This machine's `/bin/sh` with the libraries that it needs, as an essential package: a system root in which scripts run.
    ///
    /// # Panics
    /// When `ldd` does not tell what the shell needs.
    #[must_use]
    pub fn host_shell() -> Self {
        let output = std::process::Command::new("ldd").arg("/bin/sh").output();
        let output = output.expect("the machine has `ldd`");
        let text = String::from_utf8_lossy(&output.stdout);
        let libraries = text.split_whitespace().filter(|word| word.starts_with('/'));
        let mut package = Self::new("shell", "1").native().essential();
        for path in std::iter::once("/bin/sh").chain(libraries) {
            let content = std::fs::read(path).unwrap_or_else(|error| panic!("{path}: {error}"));
            let merged = match path.starts_with("/usr/") {
                true => path.to_owned(),
                false => format!("/usr{path}"),
            };
            package = package.program(merged, content);
        }
        for folder in ["bin", "sbin", "lib", "lib64"] {
            package = package.symlink(format!("/{folder}"), format!("usr/{folder}"));
        }
        package
    }

    /// For this architecture: `amd64`.
    #[must_use]
    pub fn architecture(mut self, architecture: &str) -> Self {
        architecture.clone_into(&mut self.architecture);
        self
    }

    /// For the architecture of this machine.
    #[must_use]
    pub fn native(self) -> Self {
        self.architecture(host_architecture())
    }

    /// A field of the control file, in the place of an earlier one of that name.
    #[must_use]
    pub fn field(mut self, name: &str, value: &str) -> Self {
        self.fields.retain(|(known, _)| known != name);
        self.fields.push((name.to_owned(), value.to_owned()));
        self
    }

    /// `Depends`; another call adds to it, as with the other relations.
    #[must_use]
    pub fn depends(self, relations: &str) -> Self {
        self.relation("Depends", relations)
    }

    /// `Pre-Depends`.
    #[must_use]
    pub fn pre_depends(self, relations: &str) -> Self {
        self.relation("Pre-Depends", relations)
    }

    /// `Recommends`.
    #[must_use]
    pub fn recommends(self, relations: &str) -> Self {
        self.relation("Recommends", relations)
    }

    /// `Suggests`.
    #[must_use]
    pub fn suggests(self, relations: &str) -> Self {
        self.relation("Suggests", relations)
    }

    /// `Conflicts`.
    #[must_use]
    pub fn conflicts(self, relations: &str) -> Self {
        self.relation("Conflicts", relations)
    }

    /// `Breaks`.
    #[must_use]
    pub fn breaks(self, relations: &str) -> Self {
        self.relation("Breaks", relations)
    }

    /// `Replaces`.
    #[must_use]
    pub fn replaces(self, relations: &str) -> Self {
        self.relation("Replaces", relations)
    }

    /// `Provides`.
    #[must_use]
    pub fn provides(self, relations: &str) -> Self {
        self.relation("Provides", relations)
    }

    /// `Multi-Arch`: `same`, `foreign`, `allowed`.
    #[must_use]
    pub fn multi_arch(self, value: &str) -> Self {
        self.field("Multi-Arch", value)
    }

    /// `Essential: yes`.
    #[must_use]
    pub fn essential(self) -> Self {
        self.field("Essential", "yes")
    }

    /// `Priority`.
    #[must_use]
    pub fn priority(self, value: &str) -> Self {
        self.field("Priority", value)
    }

    /// `Section`.
    #[must_use]
    pub fn section(self, value: &str) -> Self {
        self.field("Section", value)
    }

    /// `Source`, where it is not the package's own name.
    #[must_use]
    pub fn source(self, value: &str) -> Self {
        self.field("Source", value)
    }

    /// The summary, and after it paragraphs in lines.
    #[must_use]
    pub fn description(mut self, text: &str) -> Self {
        text.clone_into(&mut self.description);
        self
    }

    /// A file, with the folders above it. Paths begin with `/`.
    #[must_use]
    pub fn file(self, path: impl AsRef<[u8]>, content: impl AsRef<[u8]>) -> Self {
        self.file_mode(path, content, 0o644)
    }

    /// A file that can be executed.
    #[must_use]
    pub fn program(self, path: impl AsRef<[u8]>, content: impl AsRef<[u8]>) -> Self {
        self.file_mode(path, content, 0o755)
    }

    /// A file of any mode.
    #[must_use]
    pub fn file_mode(self, path: impl AsRef<[u8]>, content: impl AsRef<[u8]>, mode: u32) -> Self {
        self.entry(path.as_ref(), Kind::File(content.as_ref().to_vec()), mode)
    }

    /// A folder.
    #[must_use]
    pub fn folder(self, path: impl AsRef<[u8]>, mode: u32) -> Self {
        self.entry(path.as_ref(), Kind::Folder, mode)
    }

    /// A symbolic link to a target as given.
    #[must_use]
    pub fn symlink(self, path: impl AsRef<[u8]>, target: impl AsRef<[u8]>) -> Self {
        self.entry(path.as_ref(), Kind::Symlink(target.as_ref().to_vec()), 0o777)
    }

    /// Another name of a file that was given before. Both paths begin with `/`.
    #[must_use]
    pub fn hard_link(self, path: impl AsRef<[u8]>, of: impl AsRef<[u8]>) -> Self {
        let of = [b".", of.as_ref()].concat();
        self.entry(path.as_ref(), Kind::HardLink(of), 0o644)
    }

    /// A configuration file: a file that `conffiles` names as well.
    #[must_use]
    pub fn conffile(mut self, path: &str, content: &str) -> Self {
        self.conffiles.push(path.to_owned());
        self.file(path, content)
    }

    /// The last path belongs to this user and group, by their numbers.
    ///
    /// # Panics
    /// When there is no path yet.
    #[must_use]
    pub fn owned_by(mut self, user: u64, group: u64) -> Self {
        let last = self.entries.last_mut().expect("an owner follows a path");
        last.owner = (user, group);
        self
    }

    /// A maintainer script: `preinst`, `postinst`, `prerm`, `postrm`, `config`.
    #[must_use]
    pub fn script(mut self, name: &str, text: &str) -> Self {
        self.control_files
            .push((name.to_owned(), text.as_bytes().to_vec(), 0o755));
        self
    }

    /// Another file beside the control file: `triggers`, `shlibs`, `symbols`, `templates`.
    #[must_use]
    pub fn control_file(mut self, name: &str, text: &str) -> Self {
        self.control_files
            .push((name.to_owned(), text.as_bytes().to_vec(), 0o644));
        self
    }

    /// Both members are compressed like this; `.xz` unless said otherwise.
    #[must_use]
    pub fn compression(mut self, compression: DebCompression) -> Self {
        self.control_compression = compression;
        self.data_compression = compression;
        self
    }

    /// No `md5sums`, as some packages have it.
    #[must_use]
    pub fn without_md5sums(mut self) -> Self {
        self.md5sums = false;
        self
    }

    /// A file under exactly this name in the archive: `../../escaped`, `/absolute`, `usr/bin/without-dot`.
    #[must_use]
    pub fn raw_file(self, name: impl AsRef<[u8]>, content: impl AsRef<[u8]>) -> Self {
        self.raw(name.as_ref(), Kind::File(content.as_ref().to_vec()), 0o644)
    }

    /// A hard link under exactly this name, to exactly this one.
    #[must_use]
    pub fn raw_hard_link(self, name: impl AsRef<[u8]>, target: impl AsRef<[u8]>) -> Self {
        self.raw(name.as_ref(), Kind::HardLink(target.as_ref().to_vec()), 0o644)
    }

    /// A device, which no package should have.
    #[must_use]
    pub fn device(self, path: &str) -> Self {
        self.entry(path.as_bytes(), Kind::CharacterDevice, 0o666)
    }

    /// A named pipe.
    #[must_use]
    pub fn pipe(self, path: &str) -> Self {
        self.entry(path.as_bytes(), Kind::Pipe, 0o644)
    }

    /// Exactly this as the control file; the stanza of the index is not changed by it.
    #[must_use]
    pub fn control_text(mut self, text: &str) -> Self {
        self.control_text = Some(text.to_owned());
        self
    }

    /// The index says this, whatever is true: `.told("SHA256", "00…")`, `.told("Depends", "other")`.
    #[must_use]
    pub fn told(mut self, field: &str, value: &str) -> Self {
        self.told.push((field.to_owned(), value.to_owned()));
        self
    }

    /// The index gives a digest that the archive has not.
    #[must_use]
    pub fn wrong_checksum(self) -> Self {
        self.told("SHA256", &"0".repeat(64))
    }

    /// The archive ends after so many bytes; the index speaks of what is left.
    #[must_use]
    pub fn cut_to(self, bytes: usize) -> Self {
        self.broken(Broken::Cut(bytes))
    }

    /// Without a member of the outer archive, by how its name begins: `debian-binary`, `control.tar`, `data.tar`.
    #[must_use]
    pub fn without_member(self, name: &str) -> Self {
        self.broken(Broken::Without(name.to_owned()))
    }

    /// A member, by how its name begins, under another name.
    #[must_use]
    pub fn member_named(self, name: &str, other: &str) -> Self {
        self.broken(Broken::Renamed(name.to_owned(), other.to_owned()))
    }

    /// A member, by how its name begins, with this content.
    #[must_use]
    pub fn member_content(self, name: &str, content: impl AsRef<[u8]>) -> Self {
        self.broken(Broken::Content(name.to_owned(), content.as_ref().to_vec()))
    }

    /// One more member, before all others.
    #[must_use]
    pub fn first_member(self, name: &str, content: impl AsRef<[u8]>) -> Self {
        self.broken(Broken::First(name.to_owned(), content.as_ref().to_vec()))
    }

    /// One more member, after all others.
    #[must_use]
    pub fn last_member(self, name: &str, content: impl AsRef<[u8]>) -> Self {
        self.broken(Broken::Last(name.to_owned(), content.as_ref().to_vec()))
    }

    /// The members in the wrong order.
    #[must_use]
    pub fn members_reversed(self) -> Self {
        self.broken(Broken::Reversed)
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The version.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The architecture that it is for.
    #[must_use]
    pub fn for_architecture(&self) -> &str {
        &self.architecture
    }

    /// `NAME_VERSION_ARCHITECTURE.deb`, without the epoch.
    #[must_use]
    pub fn file_name(&self) -> String {
        let version = self
            .version
            .split_once(':')
            .map_or(&self.version[..], |(_, rest)| rest);
        format!("{}_{version}_{}.deb", self.name, self.architecture)
    }

    /// The archive.
    #[must_use]
    pub fn build(&self) -> Vec<u8> {
        let control = self.control_compression.apply(&tar(&self.control_entries()));
        let data = self.data_compression.apply(&tar(&with_folders(&self.entries)));
        let mut members = vec![
            ("debian-binary".to_owned(), b"2.0\n".to_vec()),
            (
                format!("control.tar{}", self.control_compression.suffix()),
                control,
            ),
            (format!("data.tar{}", self.data_compression.suffix()), data),
        ];
        for broken in &self.broken {
            spoil(&mut members, broken);
        }
        let mut archive = ar(&members);
        for broken in &self.broken {
            if let Broken::Cut(bytes) = broken {
                archive.truncate(*bytes);
            }
        }
        archive
    }

    /// The control file.
    #[must_use]
    pub fn control(&self) -> String {
        let described = self.described();
        self.stanza_of(&[("Description", &described)])
    }

    /// What dpkg's `status` says of it once it is installed. `state` is `install ok installed` for most.
    #[must_use]
    pub fn status_stanza(&self, state: &str) -> String {
        let described = self.described();
        let conffiles = self.conffiles.iter().map(|path| format!("\n {path} {:032x}", 0));
        let conffiles: String = conffiles.collect();
        let mut fields = vec![("Status", state)];
        if !conffiles.is_empty() {
            fields.push(("Conffiles", &conffiles));
        }
        fields.push(("Description", &described));
        self.stanza_of(&fields)
    }

    /// Its stanza of `Packages`, for an archive at `filename`.
    #[must_use]
    pub fn stanza(&self, filename: &str, archive: &[u8]) -> String {
        self.index_stanza(filename, archive, Texts::Whole)
    }

    /// Its stanza as archives with translations have it: the summary, and the digest of the rest.
    #[must_use]
    pub(super) fn short_stanza(&self, filename: &str, archive: &[u8]) -> String {
        self.index_stanza(filename, archive, Texts::Summary)
    }

    /// Its stanza of `Translation-en`.
    #[must_use]
    pub(super) fn translation(&self) -> String {
        let described = self.described();
        format!(
            "Package: {}\nDescription-md5: {}\nDescription-en: {described}\n",
            self.name,
            md5_hex(format!("{described}\n").as_bytes())
        )
    }

    /// Publishes it in the repository's first suite and component.
    pub fn publish(self, repository: &DebRepository) {
        repository.put(None, None, self);
    }

    /// Publishes it in a suite and a component of it.
    pub fn publish_in(self, repository: &DebRepository, suite: &str, component: &str) {
        repository.put(Some(suite), Some(component), self);
    }

    fn relation(mut self, name: &str, relations: &str) -> Self {
        match self.fields.iter_mut().find(|(known, _)| known == name) {
            Some((_, value)) => {
                let _ = write!(value, ", {relations}");
                self
            }
            None => self.field(name, relations),
        }
    }

    fn entry(self, path: &[u8], kind: Kind, mode: u32) -> Self {
        let slash: &[u8] = if kind == Kind::Folder { b"/" } else { b"" };
        let name = [b".", path, slash].concat();
        self.raw(&name, kind, mode)
    }

    fn raw(mut self, name: &[u8], kind: Kind, mode: u32) -> Self {
        self.entries.push(Entry {
            name: name.to_vec(),
            kind,
            mode,
            owner: (0, 0),
        });
        self
    }

    fn broken(mut self, broken: Broken) -> Self {
        self.broken.push(broken);
        self
    }

    fn control_entries(&self) -> Vec<Entry> {
        let mut files = self.control_files.clone();
        if self.md5sums {
            files.push(("md5sums".to_owned(), self.sums().into_bytes(), 0o644));
        }
        if !self.conffiles.is_empty() {
            let text = self.conffiles.join("\n") + "\n";
            files.push(("conffiles".to_owned(), text.into_bytes(), 0o644));
        }
        let control = self.control_text.clone().unwrap_or_else(|| self.control());
        files.push(("control".to_owned(), control.into_bytes(), 0o644));
        files.sort();
        let top = Entry {
            name: b"./".to_vec(),
            kind: Kind::Folder,
            mode: 0o755,
            owner: (0, 0),
        };
        let files = files.into_iter().map(|(name, content, mode)| Entry {
            name: format!("./{name}").into_bytes(),
            kind: Kind::File(content),
            mode,
            owner: (0, 0),
        });
        std::iter::once(top).chain(files).collect()
    }

    fn sums(&self) -> String {
        let mut sums = String::new();
        for entry in &self.entries {
            let name = String::from_utf8_lossy(&entry.name);
            if let (Kind::File(content), Some(path)) = (&entry.kind, name.strip_prefix("./")) {
                let _ = writeln!(sums, "{}  {path}", md5_hex(content));
            }
        }
        sums
    }

    /// Kibibytes, every path at least one.
    fn installed_size(&self) -> usize {
        let of = |entry: &Entry| match &entry.kind {
            Kind::File(content) => content.len().div_ceil(1024).max(1),
            _ => 1,
        };
        self.entries.iter().map(of).sum()
    }

    /// The description as a field has it: further lines indented, empty ones with a dot.
    fn described(&self) -> String {
        let mut lines = self.description.lines();
        let mut text = lines.next().unwrap_or_default().to_owned();
        for line in lines {
            let line = if line.is_empty() { "." } else { line };
            let _ = write!(text, "\n {line}");
        }
        text
    }

    fn index_stanza(&self, filename: &str, archive: &[u8], texts: Texts) -> String {
        let described = self.described();
        let size = archive.len().to_string();
        let (md5, sha256) = (md5_hex(archive), hex_digest(archive));
        let description_md5 = md5_hex(format!("{described}\n").as_bytes());
        let summary = described.lines().next().unwrap_or_default();
        let mut fields = vec![
            ("Filename", filename),
            ("Size", &size),
            ("MD5sum", &md5),
            ("SHA256", &sha256),
        ];
        match texts {
            Texts::Whole => fields.push(("Description", &described)),
            Texts::Summary => {
                fields.extend([("Description", summary), ("Description-md5", &description_md5)]);
            }
        }
        for (field, value) in &self.told {
            fields.retain(|(known, _)| known != field);
            fields.push((field, value));
        }
        self.stanza_of(&fields)
    }

    /// The control fields, but those that `last` has as well, which come last.
    fn stanza_of(&self, last: &[(&str, &str)]) -> String {
        let installed = self.installed_size().to_string();
        let first = [
            ("Package", &self.name[..]),
            ("Version", &self.version),
            ("Architecture", &self.architecture),
            ("Maintainer", "Testkit <testkit@example.org>"),
            ("Installed-Size", &installed),
        ];
        let own = self.fields.iter().map(|(name, value)| (&name[..], &value[..]));
        let given = |name: &str| self.fields.iter().any(|(known, _)| known == name);
        let mut text = String::new();
        let fields = first.into_iter().filter(|(name, _)| !given(name)).chain(own);
        for (name, value) in fields.filter(|(name, _)| last.iter().all(|(known, _)| known != name)) {
            let _ = writeln!(text, "{name}: {value}");
        }
        for (name, value) in last {
            // A field whose value begins on the next line has no space after its colon.
            let space = if value.starts_with('\n') { "" } else { " " };
            let _ = writeln!(text, "{name}:{space}{value}");
        }
        text
    }
}

/// How much of its description a stanza has.
#[derive(Debug, Clone, Copy)]
enum Texts {
    Whole,
    Summary,
}

/// The architecture of this machine as Debian names it.
#[must_use]
pub fn host_architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "x86" => "i386",
        "aarch64" => "arm64",
        "arm" => "armhf",
        "powerpc64" => "ppc64el",
        other => other,
    }
}

pub(super) fn md5_hex(content: &[u8]) -> String {
    Md5::digest(content)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// The entries with every folder above a path before it, once.
fn with_folders(entries: &[Entry]) -> Vec<Entry> {
    let mut known: Vec<Vec<u8>> = Vec::new();
    let mut all = Vec::new();
    for entry in entries {
        // Only what was given as a path: hostile names stay alone.
        if entry.name.starts_with(b"./") {
            let above = entry.name[..entry.name.len() - 1].iter().enumerate();
            for (position, _) in above.filter(|(_, byte)| **byte == b'/') {
                let name = entry.name[..=position].to_vec();
                let given = entries.iter().any(|other| other.name == name);
                if !given && !known.contains(&name) {
                    all.push(Entry {
                        name: name.clone(),
                        kind: Kind::Folder,
                        mode: 0o755,
                        owner: (0, 0),
                    });
                    known.push(name);
                }
            }
        }
        all.push(entry.clone());
    }
    all
}

fn spoil(members: &mut Vec<(String, Vec<u8>)>, broken: &Broken) {
    match broken {
        Broken::Cut(_) => {}
        Broken::Without(name) => members.retain(|(known, _)| !known.starts_with(name)),
        Broken::Renamed(name, other) => {
            for (known, _) in members.iter_mut().filter(|(known, _)| known.starts_with(name)) {
                other.clone_into(known);
            }
        }
        Broken::Content(name, content) => {
            for (_, known) in members.iter_mut().filter(|(known, _)| known.starts_with(name)) {
                known.clone_from(content);
            }
        }
        Broken::First(name, content) => members.insert(0, (name.clone(), content.clone())),
        Broken::Last(name, content) => members.push((name.clone(), content.clone())),
        Broken::Reversed => members.reverse(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stanza_says_what_was_described() {
        let package = DebPackage::new("a", "1:1.0-1")
            .depends("b (>= 2)")
            .depends("c | d")
            .field("Maintainer", "Me <me@example.org>")
            .description("does things\nMore of it.\n\nAnd more.")
            .told("Size", "7");
        assert_eq!(package.file_name(), "a_1.0-1_all.deb");
        let stanza = package.stanza("pool/a.deb", b"abc");
        assert_eq!(
            stanza,
            "Package: a\nVersion: 1:1.0-1\nArchitecture: all\nInstalled-Size: 0\nDepends: b (>= 2), c | d\n\
             Maintainer: Me <me@example.org>\nFilename: pool/a.deb\nMD5sum: 900150983cd24fb0d6963f7d28e17f72\n\
             SHA256: ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\n\
             Description: does things\n More of it.\n .\n And more.\nSize: 7\n"
        );
    }

    #[test]
    fn every_folder_comes_once_before_what_it_holds() {
        let package = DebPackage::new("a", "1")
            .file("/usr/bin/a", "")
            .folder("/usr/share", 0o700)
            .file("/usr/share/a", "");
        let names: Vec<_> = with_folders(&package.entries)
            .into_iter()
            .map(|entry| String::from_utf8_lossy(&entry.name).into_owned())
            .collect();
        let expected = [
            "./",
            "./usr/",
            "./usr/bin/",
            "./usr/bin/a",
            "./usr/share/",
            "./usr/share/a",
        ];
        assert_eq!(names, expected);
    }
}
