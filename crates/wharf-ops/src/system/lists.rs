//! apt's lists: what its repositories had when it asked them last, in files whose names say where each is from.
//!
//! Invariant: a list is read whole or is an error; an index of it is kept in the cache and made anew when the list is another
//! file. Source: apt_get(8) on `/var/lib/apt/lists`; apt's names for them (`_` for `/`, `%XX` for what a name cannot have).

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use wharf_core::Event;
use wharf_deb::index::{self, Descriptions, Index};
use wharf_deb::release::Release;
use wharf_deb::universe::{Layer, Provenance};
use wharf_sys::Mapped;

use super::error::SystemError;
use super::host::Host;
use super::settings;
use crate::error::OpsError;
use crate::session::Session;

/// What ends the name of a file of packages.
const PACKAGES: &str = "_Packages";
/// What ends the name of a file of long descriptions.
const TRANSLATION: &str = "_i18n_Translation-en";
/// How lists are compressed.
const ENDINGS: [&str; 6] = ["", ".lz4", ".gz", ".xz", ".zst", ".bz2"];

/// Every list of a machine, in the order of their names.
pub(super) fn layers(session: &Session, host: &Host) -> Result<Vec<Layer>, OpsError> {
    let folder = settings::place(&host.root, &host.settings, "Dir::State::lists").unwrap_or_default();
    let names = names(&folder)?;
    let releases = releases(&folder, &names)?;
    let mut layers = Vec::new();
    for name in &names {
        let Some((stem, ending)) = packages_file(name) else {
            continue;
        };
        let path = folder.join(name);
        layers.push(Layer {
            index: indexed(session, &path, ending, Says::Packages)?,
            provenance: provenance(stem, &releases),
        });
    }
    match layers.is_empty() {
        true => Err(SystemError::NoLists { folder }.into()),
        false => Ok(layers),
    }
}

/// What a list says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Says {
    Packages,
    Descriptions,
}

/// The long descriptions in English that apt fetched, by name; none where it was told to fetch none.
pub(super) fn descriptions(session: &Session, host: &Host) -> Result<Vec<Index>, OpsError> {
    let folder = settings::place(&host.root, &host.settings, "Dir::State::lists").unwrap_or_default();
    let mut found = Vec::new();
    for name in names(&folder)? {
        let ending = ENDINGS.iter().find(|ending| {
            name.strip_suffix(**ending)
                .is_some_and(|stem| stem.ends_with(TRANSLATION))
        });
        if let Some(ending) = ending {
            found.push(indexed(session, &folder.join(&name), ending, Says::Descriptions)?);
        }
    }
    Ok(found)
}

fn names(folder: &Path) -> Result<Vec<String>, OpsError> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(SystemError::NoLists {
                folder: folder.to_owned(),
            }
            .into());
        }
        Err(error) => return Err(OpsError::io("read", folder)(error)),
    };
    let mut names: Vec<String> = entries
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect();
    names.sort();
    Ok(names)
}

/// What comes before `_Packages` in a name, and how the file is compressed.
fn packages_file(name: &str) -> Option<(&str, &'static str)> {
    ENDINGS.iter().find_map(|ending| {
        let stem = name.strip_suffix(ending)?.strip_suffix(PACKAGES)?;
        Some((stem, *ending))
    })
}

/// The release files, by what the names of the lists that they are about begin with.
fn releases(folder: &Path, names: &[String]) -> Result<BTreeMap<String, Release>, OpsError> {
    let mut releases = BTreeMap::new();
    for name in names {
        let stem = name
            .strip_suffix("_InRelease")
            .or_else(|| name.strip_suffix("_Release"));
        let Some(stem) = stem else { continue };
        let path = folder.join(name);
        let bytes = fs::read(&path).map_err(OpsError::io("read", &path))?;
        // apt has verified it before it gave it this name.
        let text = unwrapped(&String::from_utf8_lossy(&bytes));
        let release = Release::parse(text.as_bytes()).map_err(|error| SystemError::Malformed {
            path,
            reason: error.to_string(),
        })?;
        releases.insert(stem.to_owned(), release);
    }
    Ok(releases)
}

/// A clear-signed text without what surrounds it. Source: RFC 4880, section 7.
fn unwrapped(text: &str) -> String {
    let Some(body) = text.strip_prefix("-----BEGIN PGP SIGNED MESSAGE-----") else {
        return text.to_owned();
    };
    let lines = body.lines().skip(1).skip_while(|line| !line.is_empty()).skip(1);
    let signed = lines.take_while(|line| !line.starts_with("-----BEGIN PGP SIGNATURE"));
    signed
        .map(|line| format!("{}\n", line.strip_prefix("- ").unwrap_or(line)))
        .collect()
}

/// Where the packages of a list are from, by its name without `_Packages`.
fn provenance(stem: &str, releases: &BTreeMap<String, Release>) -> Provenance {
    let of = releases.iter().rev().find(|(prefix, _)| {
        let rest = stem.strip_prefix(&prefix[..]);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('_'))
    });
    let site = stem.split('_').next().unwrap_or_default();
    let site = site.split(':').next().unwrap_or_default().to_owned();
    let Some((prefix, release)) = of else {
        return Provenance {
            site,
            ..Provenance::default()
        };
    };
    let rest = stem[prefix.len()..].trim_start_matches('_');
    let (component, architecture) = rest.rsplit_once("_binary-").unwrap_or_default();
    Provenance::of(release, &component.replace('_', "/"), architecture, &site)
}

/// The index of a list: as it was kept, else made now and kept.
fn indexed(session: &Session, path: &Path, ending: &str, says: Says) -> Result<Index, OpsError> {
    let read = OpsError::io("read", path);
    let metadata = match fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(error) => return Err(read(error)),
    };
    let made_of = identity(path, &metadata);
    let kept = kept_at(session, &made_of);
    if let Some(index) = kept_index(&kept, &made_of) {
        return Ok(index);
    }
    let bytes = fs::read(path).map_err(OpsError::io("read", path))?;
    let text = decompressed(&bytes, ending).map_err(|error| SystemError::Malformed {
        path: path.to_owned(),
        reason: error.to_string(),
    })?;
    let built = match says {
        Says::Packages => index::build(&text, made_of),
        Says::Descriptions => {
            let mut descriptions = Descriptions::default();
            descriptions.push(&text);
            descriptions.into_builder().finish(made_of)
        }
    };
    let built = built.map_err(|error| SystemError::Malformed {
        path: path.to_owned(),
        reason: error.to_string(),
    })?;
    if let Some(first) = built.skipped.first() {
        let message = format!(
            "{}: {} of its stanzas are malformed and left out; the first: {first}",
            path.display(),
            built.skipped_count
        );
        session.emit(Event::warning("system/stanza", message));
    }
    // A cache that cannot be written costs time and nothing else.
    let _ = keep(&kept, &built.bytes);
    Ok(Index::open(built.bytes).expect("an index that was just built can be opened"))
}

/// What names a file as it is now. Files of apt are replaced, never written into.
fn identity(path: &Path, metadata: &fs::Metadata) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(path.as_os_str().as_encoded_bytes());
    for number in [
        metadata.len(),
        metadata.ino(),
        metadata.mtime() as u64,
        metadata.mtime_nsec() as u64,
    ] {
        hasher.update(&number.to_le_bytes());
    }
    *hasher.finalize().as_bytes()
}

/// Where the index of a file is kept: one place a file, so that an older index of it is replaced.
fn kept_at(session: &Session, made_of: &[u8; 32]) -> PathBuf {
    let name: String = made_of[..16].iter().map(|byte| format!("{byte:02x}")).collect();
    session.settings().cache.join("system").join(name)
}

fn kept_index(path: &Path, made_of: &[u8; 32]) -> Option<Index> {
    // Written under another name and renamed, so that it never changes under the map.
    let index = Index::open(Bytes::from_owner(Mapped::open(path).ok()?)).ok()?;
    (index.made_of() == *made_of).then_some(index)
}

/// Writes a file under its name only when it is whole.
fn keep(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().expect("a kept index lies in a folder");
    fs::create_dir_all(folder)?;
    let draft = path.with_extension(std::process::id().to_string());
    fs::write(&draft, bytes)?;
    fs::rename(&draft, path)
}

fn decompressed(bytes: &[u8], ending: &str) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    match ending {
        ".lz4" => lz4_flex::frame::FrameDecoder::new(bytes).read_to_end(&mut text)?,
        ".gz" => flate2::read::MultiGzDecoder::new(bytes).read_to_end(&mut text)?,
        ".xz" => liblzma::read::XzDecoder::new_multi_decoder(bytes).read_to_end(&mut text)?,
        ".zst" => zstd::Decoder::new(bytes)?.read_to_end(&mut text)?,
        ".bz2" => bzip2::read::MultiBzDecoder::new(bytes).read_to_end(&mut text)?,
        _ => return Ok(bytes.to_vec()),
    };
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_lists_say_where_they_are_from() {
        let release = Release::parse(
            b"Suite: stable\nCodename: steady\nOrigin: Here\nDate: Mon, 01 Jan 2024 00:00:00 UTC\nSHA256:\n",
        )
        .unwrap();
        let releases = BTreeMap::from([
            ("deb.example.org_debian_dists_steady".to_owned(), release.clone()),
            ("deb.example.org:81_flat_.".to_owned(), release),
        ]);
        for (name, title, site) in [
            (
                "deb.example.org_debian_dists_steady_main_binary-amd64_Packages.lz4",
                "steady/main",
                "deb.example.org",
            ),
            (
                "deb.example.org_debian_dists_steady_updates_main_binary-amd64_Packages",
                "steady/updates/main",
                "deb.example.org",
            ),
            (
                "deb.example.org:81_flat_._Packages.zst",
                "steady",
                "deb.example.org",
            ),
            (
                "deb.example.org_debian_dists_steady-updates_main_binary-amd64_Packages",
                "",
                "deb.example.org",
            ),
            ("_srv_mirror_._Packages.xz", "", ""),
        ] {
            let (stem, _) = packages_file(name).unwrap();
            let found = provenance(stem, &releases);
            assert_eq!(
                (found.title().as_str(), found.site.as_str()),
                (title, site),
                "{name}"
            );
        }
        assert_eq!(packages_file("x_InRelease"), None);
        assert_eq!(packages_file("x_main_i18n_Translation-en.xz"), None);
    }

    #[test]
    fn signed_texts_lose_their_signatures() {
        let signed = "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\nA: b\n- -c\n-----BEGIN PGP SIGNATURE-----\n\nx\n-----END PGP SIGNATURE-----\n";
        assert_eq!(unwrapped(signed), "A: b\n-c\n");
        assert_eq!(unwrapped("A: b\n"), "A: b\n");
    }
}
