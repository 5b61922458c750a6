//! Project pages as HTML (PEP 503). Invariant: see [`super`].

use std::borrow::Cow;

use percent_encoding::percent_decode_str;
use wharf_core::{Digest, PackageName, WebUrl};

use super::anchor::Scanner;
use super::entity::decode;
use super::file::{RawFile, Reader};
use super::{MetadataFile, Page, PageError, ProjectStatus, check_version};
use crate::pypi::filename::DistName;
use crate::pypi::text::lossy;

/// Reads an HTML page that was fetched from `base`.
///
/// # Errors
/// Where the document is no HTML, ends within a tag, claims a later version of the format, or has an unusable
/// `<base href>`.
pub fn parse_html(bytes: &[u8], base: &WebUrl, name: &PackageName) -> Result<Page, PageError> {
    let html = lossy(bytes);
    let not_html = |reason| PageError::Html {
        name: name.clone(),
        reason,
    };
    if !html.trim().is_empty() && !html.contains('<') {
        return Err(not_html("it has no tag at all"));
    }
    let document = Document::scan(&html).map_err(|_| not_html("it ends within a tag"))?;
    if let Some(version) = &document.version {
        check_version(version, name)?;
    }
    let base = match &document.base {
        Some(href) => Cow::Owned(base.join(href.trim()).map_err(|source| PageError::Base {
            name: name.clone(),
            source,
        })?),
        None => Cow::Borrowed(base),
    };
    let mut reader = Reader::new(&base, name);
    for anchor in document.anchors {
        anchor.read(&mut reader, name);
    }
    Ok(Page {
        name: name.clone(),
        files: reader.files,
        skipped: reader.skipped,
        status: document.status.map(|status| ProjectStatus {
            status: status.into_owned(),
            reason: document.status_reason.map(Cow::into_owned),
        }),
    })
}

/// The parts of the document that matter.
#[derive(Default)]
struct Document<'a> {
    base: Option<Cow<'a, str>>,
    version: Option<Cow<'a, str>>,
    status: Option<Cow<'a, str>>,
    status_reason: Option<Cow<'a, str>>,
    anchors: Vec<Anchor<'a>>,
}

/// A link: its attributes as written, and its text.
#[derive(Default)]
struct Anchor<'a> {
    href: Option<&'a str>,
    requires_python: Option<&'a str>,
    yanked: Option<&'a str>,
    upload_time: Option<&'a str>,
    core_metadata: Option<&'a str>,
    dist_info_metadata: Option<&'a str>,
    text: &'a str,
}

impl<'a> Document<'a> {
    fn scan(html: &'a str) -> Result<Self, super::anchor::Truncated> {
        let mut document = Self::default();
        let mut scanner = Scanner::new(html);
        while let Some(tag) = scanner.next_tag()? {
            if tag.eq_ignore_ascii_case("a") {
                let anchor = Anchor::scan(&mut scanner)?;
                document.anchors.push(anchor);
            } else if tag.eq_ignore_ascii_case("base") {
                while let Some((name, value)) = scanner.next_attribute()? {
                    if name.eq_ignore_ascii_case("href") && document.base.is_none() {
                        document.base = Some(decode(value));
                    }
                }
            } else if tag.eq_ignore_ascii_case("meta") {
                document.meta(&mut scanner)?;
            }
        }
        Ok(document)
    }

    fn meta(&mut self, scanner: &mut Scanner<'a>) -> Result<(), super::anchor::Truncated> {
        let (mut name, mut content) = ("", "");
        while let Some((attribute, value)) = scanner.next_attribute()? {
            if attribute.eq_ignore_ascii_case("name") {
                name = value;
            } else if attribute.eq_ignore_ascii_case("content") {
                content = value;
            }
        }
        match name {
            "pypi:repository-version" => self.version = Some(decode(content)),
            "pypi:project-status" => self.status = Some(decode(content)),
            "pypi:project-status-reason" => self.status_reason = Some(decode(content)),
            _ => {}
        }
        Ok(())
    }
}

impl<'a> Anchor<'a> {
    fn scan(scanner: &mut Scanner<'a>) -> Result<Self, super::anchor::Truncated> {
        let mut anchor = Self::default();
        while let Some((name, value)) = scanner.next_attribute()? {
            let Some(field) = anchor.field(name) else { continue };
            // The first of two equal attributes counts.
            field.get_or_insert(value);
        }
        anchor.text = scanner.text();
        Ok(anchor)
    }

    fn field(&mut self, name: &str) -> Option<&mut Option<&'a str>> {
        const FIELDS: [&str; 6] = [
            "href",
            "data-requires-python",
            "data-upload-time",
            "data-yanked",
            "data-core-metadata",
            "data-dist-info-metadata",
        ];
        match FIELDS.iter().position(|field| name.eq_ignore_ascii_case(field))? {
            0 => Some(&mut self.href),
            1 => Some(&mut self.requires_python),
            2 => Some(&mut self.upload_time),
            3 => Some(&mut self.yanked),
            4 => Some(&mut self.core_metadata),
            _ => Some(&mut self.dist_info_metadata),
        }
    }

    fn read(&self, reader: &mut Reader<'_>, project: &PackageName) {
        let Some(href) = self.href else { return };
        let href = decode(href.trim());
        let (link, fragment) = href.split_once('#').unwrap_or((&href, ""));
        let Some(filename) = self.filename(link, project) else {
            return;
        };
        reader.add(RawFile {
            filename,
            url: Cow::Borrowed(link),
            digests: digest(fragment).into_iter().collect(),
            size: None,
            requires_python: self.requires_python.map(decode),
            yanked: self.yanked.map(decode),
            upload_time: self.upload_time.map(decode),
            metadata: self.metadata(),
        });
    }

    /// The last part of the link's path; where that names no file of the project, the link's text if that does. `None` for
    /// links to folders, which are navigation.
    fn filename(&self, link: &'a str, project: &PackageName) -> Option<Cow<'a, str>> {
        let path = link.split_once('?').map_or(link, |(path, _)| path);
        let last = path.rsplit_once('/').map_or(path, |(_, last)| last);
        let filename = match memchr::memchr(b'%', last.as_bytes()) {
            None => Cow::Borrowed(last),
            Some(_) => percent_decode_str(last).decode_utf8_lossy(),
        };
        let text = self.text.trim();
        if filename != text && !text.is_empty() && DistName::parse(&filename, project).is_err() {
            let text = decode(text);
            if DistName::parse(&text, project).is_ok() {
                return Some(text);
            }
        }
        (!filename.is_empty() && filename != "..").then_some(filename)
    }

    /// PEP 714: the newer attribute counts where both stand.
    fn metadata(&self) -> MetadataFile {
        match self.core_metadata.or(self.dist_info_metadata) {
            None => MetadataFile::Unknown,
            Some(value) => match &*decode(value.trim()) {
                "false" => MetadataFile::Absent,
                value => MetadataFile::Present(Digest::parse(value).ok()),
            },
        }
    }
}

/// The digest in a link's fragment; other fragments (`egg=…`) may stand around it.
fn digest(fragment: &str) -> Option<Digest> {
    fragment.split('&').find_map(|part| Digest::parse(part).ok())
}
