//! One file of Cargo's configuration → the settings that count here. Later files add what earlier ones do not say.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Duration;

use toml::de::{DeTable, DeValue};
use wharf_core::WebUrl;
use wharf_ecosystem::cargo::SourceId;
use wharf_ecosystem::cargo::manifest::Patch;

use super::read::{Draft, Layers, RegistryDraft, SourceDraft};
use super::replacement;
use super::{CRATES_IO, ConfiguredPatches, IncompatibleRustVersions};
use crate::error::Invalid;
use crate::npm::Secret;
use crate::requirement::normalize;
use crate::table::{self, Reader, list};
use crate::text::SourceText;

/// The code of what is wrong in Cargo's configuration.
pub(super) const CODE: &str = "cargo/config";

/// A file that another one includes.
pub(super) struct Include {
    pub(super) path: PathBuf,
    pub(super) optional: bool,
}

/// Takes in what a file says; `folder` is what its relative paths begin with, `own` where it lies.
pub(super) fn read(
    layers: &mut Layers<'_>,
    source: &SourceText,
    folder: &Path,
    own: &Path,
) -> Result<Vec<Include>, Invalid> {
    let document = table::parse(source)?;
    let file = File {
        reader: Reader { source, code: CODE },
        folder,
    };
    file.registries(&document, layers)?;
    file.sources(&document, layers)?;
    file.net(&document, layers)?;
    file.http(&document, layers)?;
    file.resolver(&document, layers)?;
    if document.contains_key("patch") {
        let patches =
            Patch::parse_all(source.text()).map_err(|error| crate::cargo::invalid(source, error))?;
        layers.patches.push(ConfiguredPatches {
            folder: folder.to_owned(),
            patches,
            source: source.clone(),
        });
    }
    file.includes(&document, own)
}

/// Takes in the logins of `credentials.toml`.
pub(super) fn credentials(layers: &mut Layers<'_>, source: &SourceText) -> Result<(), Invalid> {
    let document = table::parse(source)?;
    let file = File {
        reader: Reader { source, code: CODE },
        folder: Path::new(""),
    };
    file.registries(&document, layers)
}

struct File<'s> {
    reader: Reader<'s>,
    folder: &'s Path,
}

impl File<'_> {
    fn section<'v, 'i>(
        &self,
        document: &'v DeTable<'i>,
        key: &str,
    ) -> Result<Option<&'v DeTable<'i>>, Invalid> {
        let value = document.get(key);
        value
            .map(|value| self.reader.table(value, &format!("[{key}]")))
            .transpose()
    }

    fn text(&self, table: &DeTable<'_>, key: &str) -> Result<Option<(String, Range<usize>)>, Invalid> {
        let Some(value) = table.get(key) else {
            return Ok(None);
        };
        let text = self.reader.string(value, &format!("`{key}`"))?;
        Ok(Some((text.to_owned(), value.span())))
    }

    fn flag(&self, table: &DeTable<'_>, key: &str) -> Result<Option<bool>, Invalid> {
        let value = table.get(key);
        value
            .map(|value| self.reader.boolean(value, &format!("`{key}`")))
            .transpose()
    }

    fn path(&self, table: &DeTable<'_>, key: &str) -> Result<Option<PathBuf>, Invalid> {
        let text = self.text(table, key)?;
        Ok(text.map(|(text, _)| normalize(&self.folder.join(text))))
    }

    /// A URL as a source.
    fn remote(&self, text: &str, span: Range<usize>) -> Result<SourceId, Invalid> {
        SourceId::registry(text).map_err(|error| self.reader.error(span, error.to_string()))
    }

    /// `[registry]` and `[registries.NAME]`.
    fn registries(&self, document: &DeTable<'_>, layers: &mut Layers<'_>) -> Result<(), Invalid> {
        if let Some(table) = self.section(document, "registry")? {
            if let Some((name, _)) = self.text(table, "default")? {
                layers.default_registry.get_or_insert(name);
            }
            let public = layers.registries.entry(CRATES_IO.to_owned()).or_default();
            if let Some((token, _)) = self.text(table, "token")? {
                public.token.get_or_insert(Secret::new(token));
            }
        }
        for (name, value) in self.section(document, "registries")?.into_iter().flatten() {
            let table = self
                .reader
                .table(value, &format!("[registries.{}]", name.get_ref()))?;
            let read = self.registry(table)?;
            let draft = layers
                .registries
                .entry(name.get_ref().clone().into_owned())
                .or_default();
            draft.index = draft.index.take().or(read.index);
            draft.token = draft.token.take().or(read.token);
            draft.provider = draft.provider.take().or(read.provider);
        }
        Ok(())
    }

    fn registry(&self, table: &DeTable<'_>) -> Result<RegistryDraft, Invalid> {
        let index = match self.text(table, "index")? {
            Some((text, span)) => {
                let origin = self.reader.source.origin(span.start);
                Some((self.remote(&text, span)?, origin))
            }
            None => None,
        };
        let provider = match table.get("credential-provider") {
            None => None,
            Some(value) => Some(match value.get_ref().as_str() {
                Some(line) => line.split_whitespace().map(str::to_owned).collect(),
                None => {
                    let words = self.reader.strings(value, "`credential-provider`")?;
                    words.into_iter().map(|(word, _)| word.to_owned()).collect()
                }
            }),
        };
        Ok(RegistryDraft {
            index,
            token: self.text(table, "token")?.map(|(token, _)| Secret::new(token)),
            provider,
        })
    }

    /// `[source.NAME]`. What Wharf wrote for Cargo is left out.
    fn sources(&self, document: &DeTable<'_>, layers: &mut Layers<'_>) -> Result<(), Invalid> {
        let Some(sources) = self.section(document, "source")? else {
            return Ok(());
        };
        let is_ours = |name: &str| is_ours(sources, name);
        for (name, value) in sources {
            if is_ours(name.get_ref()) {
                continue;
            }
            let table = self
                .reader
                .table(value, &format!("[source.{}]", name.get_ref()))?;
            let replacement = self.text(table, "replace-with")?;
            let replace_with = replacement
                .filter(|(next, _)| !is_ours(next))
                .map(|(next, span)| Draft::new(next, self.reader.source.origin(span.start)));
            let read = SourceDraft {
                registry: self.drafted(table, "registry")?,
                local_registry: self.path(table, "local-registry")?,
                directory: self.path(table, "directory")?,
                git: self.drafted(table, "git")?,
                branch: self.drafted(table, "branch")?,
                tag: self.drafted(table, "tag")?,
                rev: self.drafted(table, "rev")?,
                replace_with,
                origin: Some(self.reader.source.origin(name.span().start)),
            };
            let draft = layers
                .sources
                .entry(name.get_ref().clone().into_owned())
                .or_default();
            draft.add(read);
        }
        Ok(())
    }

    fn drafted(&self, table: &DeTable<'_>, key: &str) -> Result<Option<Draft>, Invalid> {
        let text = self.text(table, key)?;
        Ok(text.map(|(text, span)| Draft::new(text, self.reader.source.origin(span.start))))
    }

    /// `[net]`.
    fn net(&self, document: &DeTable<'_>, layers: &mut Layers<'_>) -> Result<(), Invalid> {
        let Some(table) = self.section(document, "net")? else {
            return Ok(());
        };
        if let Some(offline) = self.flag(table, "offline")? {
            layers.offline.get_or_insert(offline);
        }
        if let Some(with_cli) = self.flag(table, "git-fetch-with-cli")? {
            layers.git_fetch_with_cli.get_or_insert(with_cli);
        }
        if let Some(value) = table.get("retry") {
            let number = self.reader.integer(value, "`retry`")?;
            let number = u32::try_from(number).unwrap_or(u32::MAX);
            layers.network.retries.get_or_insert(number);
        }
        Ok(())
    }

    /// `[http]`.
    fn http(&self, document: &DeTable<'_>, layers: &mut Layers<'_>) -> Result<(), Invalid> {
        let Some(table) = self.section(document, "http")? else {
            return Ok(());
        };
        if let Some((text, span)) = self.text(table, "proxy")? {
            let proxy = proxy(&text).map_err(|reason| self.reader.error(span, reason))?;
            layers.proxy.get_or_insert(proxy);
        }
        if let Some(value) = table.get("timeout") {
            let seconds = self.reader.integer(value, "`timeout`")?;
            layers.network.timeout.get_or_insert(Duration::from_secs(seconds));
        }
        if let Some(path) = self.path(table, "cainfo")? {
            layers.network.ca_bundle.get_or_insert(path);
        }
        Ok(())
    }

    /// `[resolver]`.
    fn resolver(&self, document: &DeTable<'_>, layers: &mut Layers<'_>) -> Result<(), Invalid> {
        let Some(table) = self.section(document, "resolver")? else {
            return Ok(());
        };
        let Some((text, span)) = self.text(table, "incompatible-rust-versions")? else {
            return Ok(());
        };
        let Some(word) = IncompatibleRustVersions::from_word(&text) else {
            let message = format!("`{text}` is no value of `incompatible-rust-versions`");
            let hint = format!("its values are {}", list(IncompatibleRustVersions::WORDS));
            return Err(self.reader.error(span, message).hint(hint));
        };
        layers.incompatible_rust_versions.get_or_insert(word);
        Ok(())
    }

    /// `include`: a path, or a list of paths and of `{ path = …, optional = … }`; relative to the file itself.
    fn includes(&self, document: &DeTable<'_>, own: &Path) -> Result<Vec<Include>, Invalid> {
        let Some(value) = document.get("include") else {
            return Ok(Vec::new());
        };
        let below = own.parent().unwrap_or(own);
        let mut found = Vec::new();
        for item in self.reader.array(value, "`include`")? {
            let (text, optional) = match item.get_ref() {
                DeValue::Table(table) => {
                    let path = self.text(table, "path")?;
                    let path =
                        path.ok_or_else(|| self.reader.error(item.span(), "this include has no `path`"))?;
                    (path.0, self.flag(table, "optional")?.unwrap_or(false))
                }
                _ => (self.reader.string(item, "an include")?.to_owned(), false),
            };
            found.push(Include {
                path: normalize(&below.join(text)),
                optional,
            });
        }
        Ok(found)
    }
}

/// Whether a name is that of a source that Wharf wrote.
fn is_ours(sources: &DeTable<'_>, name: &str) -> bool {
    let Some((_, folder)) = replacement::own(name) else {
        return false;
    };
    let own = sources.get(name).and_then(|value| value.get_ref().as_table());
    let directory = own.and_then(|own| own.get("directory")?.get_ref().as_str());
    directory == Some(&folder)
}

/// A proxy as curl takes it: without a scheme it is one of HTTP.
pub(super) fn proxy(text: &str) -> Result<Option<WebUrl>, String> {
    if text.trim().is_empty() {
        return Ok(None);
    }
    let whole = if text.contains("://") {
        text.to_owned()
    } else {
        format!("http://{text}")
    };
    WebUrl::parse(&whole).map(Some).map_err(|error| error.to_string())
}
