//! Archives that a crate declares, taken where their signature is of the key that the crate declares.
//!
//! The chain: the lock has the checksum of the crate's archive, in which the `Cargo.toml` with the key lies; the signature is of that key
//! and of the archive's bytes. Invariant: nothing is unpacked before its signature was checked.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

use futures::stream::StreamExt;
use wharf_core::WebUrl;
use wharf_ecosystem::cargo::binstall::places::{candidates, command_path};
use wharf_ecosystem::cargo::binstall::{
    BadSignature, CRATE_META_DATA, Candidate, Facts, MINISIGN, PackageFormat, PublicKey, Settings, Signature,
    Triple,
};
use wharf_net::{Client, NetError};
use wharf_store::extract::{extract_tar, extract_zip};
use wharf_store::{ArchiveError, Compression, Limits, Stage};
use wharf_sys::{Work, run_blocking};

use super::error::PrebuiltError;
use super::{Commands, Origin, Reason, Search, Verdict};
use crate::error::OpsError;

/// Bytes of a signature file: it has four lines.
const MOST_OF_A_SIGNATURE: u64 = 16 << 10;
/// Bytes of an archive, which is checked in memory.
const MOST_OF_AN_ARCHIVE: usize = 512 << 20;
/// How many places are asked at once where the crate does not say which.
const AT_ONCE: usize = 8;
/// How many places of one machine are asked at most.
const MOST_PLACES: usize = 160;

/// A place with a signature.
struct Place {
    candidate: Candidate,
    url: WebUrl,
    signature: Signature,
}

impl Search<'_, '_> {
    /// What the crate declares, if that can be had and verified.
    ///
    /// # Errors
    /// Where a signature does not check, or an archive is unsafe.
    pub(super) async fn declared(&self) -> Result<Verdict, OpsError> {
        let table = match &self.crate_.declared {
            Ok(declared) => match &declared.table {
                Some(table) => table,
                None => return Ok(Verdict::quiet("it declares none")),
            },
            Err(invalid) => {
                return Ok(Verdict::quiet(format!(
                    "what it declares is not understood: {invalid}"
                )));
            }
        };
        let mut verdict = Verdict::quiet("it declares none for this machine");
        for triple in Triple::of_machine(&self.machine) {
            let settings = table.of_machine(&triple);
            verdict = match self.of_machine(&settings, &triple).await? {
                Verdict::Not(reason) => Verdict::Not(worse(verdict, reason)),
                taken @ Verdict::Taken(..) => return Ok(taken),
            };
        }
        Ok(verdict)
    }

    async fn of_machine(&self, settings: &Settings, triple: &Triple) -> Result<Verdict, OpsError> {
        if settings
            .disabled
            .iter()
            .any(|strategy| strategy == CRATE_META_DATA)
        {
            return Ok(Verdict::quiet(
                "the crate asks not to take what its releases have",
            ));
        }
        let Some(signing) = &settings.signing else {
            return Ok(Verdict::quiet(
                "it declares prebuilt commands, and no key that they could be verified with",
            ));
        };
        if signing.algorithm != MINISIGN {
            let reason = format!(
                "its prebuilt commands are signed with `{}`, which is not known",
                signing.algorithm
            );
            return Ok(Verdict::quiet(reason));
        }
        let key = match PublicKey::parse(&signing.public_key) {
            Ok(key) => key,
            Err(invalid) => return Ok(Verdict::told(invalid.to_string())),
        };
        let version = self.request.version.to_string();
        let facts = self.facts(&version);
        let places = match candidates(settings, facts, triple, wharf_project::prebuilt::code_hosts()) {
            Ok(places) => places,
            Err(invalid) => return Ok(Verdict::quiet(invalid.to_string())),
        };
        let client = self.at.session.client_for_crates(self.at.config);
        let place = match self.first(&client, places).await? {
            Ok(place) => place,
            Err(reason) => return Ok(Verdict::told(reason)),
        };
        let archive = match self.archive(&client, &key, &place).await? {
            Ok(archive) => archive,
            Err(reason) => return Ok(Verdict::told(reason)),
        };
        let origin = Origin::Signed {
            key: key.as_str().to_owned(),
            url: place.url.without_credentials().to_string(),
        };
        Ok(match self.unpacked(archive, &place, settings, triple).await? {
            Ok(commands) => Verdict::Taken(commands, origin),
            Err(reason) => Verdict::told(format!("{}: {reason}", place.url)),
        })
    }

    fn facts<'f>(&'f self, version: &'f str) -> Facts<'f> {
        Facts {
            name: &self.request.name,
            version,
            repository: self.crate_.repository.as_deref(),
        }
    }

    /// The first place that has a signature; in words where none has.
    async fn first(
        &self,
        client: &Client,
        places: Vec<Candidate>,
    ) -> Result<Result<Place, String>, OpsError> {
        let ask = |candidate: Candidate| async move {
            let answer = match WebUrl::parse(&candidate.signature) {
                Ok(url) if is_web(&url) => client.get_bytes(&url, MOST_OF_A_SIGNATURE).await.map_err(Some),
                _ => Err(None),
            };
            (candidate, answer)
        };
        let mut missing = None;
        let places = places.into_iter().take(MOST_PLACES).map(ask);
        let mut answers = futures::stream::iter(places).buffered(AT_ONCE);
        while let Some((candidate, answer)) = self.wait(answers.next()).await? {
            let url = match WebUrl::parse(&candidate.url) {
                Ok(url) if is_web(&url) => url,
                _ => return Ok(Err(format!("{} is not a URL on the web", candidate.url))),
            };
            match answer {
                Ok(bytes) => {
                    let signature = Signature::parse(&bytes).map_err(|reason| self.refused(&url, reason))?;
                    return Ok(Ok(Place {
                        candidate,
                        url,
                        signature,
                    }));
                }
                Err(Some(error @ NetError::NotFound { .. })) => {
                    let _ = missing.get_or_insert(error.to_string());
                }
                Err(Some(error)) => return Ok(Err(error.to_string())),
                Err(None) => return Ok(Err(format!("{} is not a URL on the web", candidate.signature))),
            }
        }
        Ok(Err(
            missing.unwrap_or_else(|| "nothing says where they are".to_owned())
        ))
    }

    /// The bytes of an archive whose signature was checked; in words where they cannot be had.
    async fn archive(
        &self,
        client: &Client,
        key: &PublicKey,
        place: &Place,
    ) -> Result<Result<Vec<u8>, String>, OpsError> {
        let mut check = key
            .check(&place.signature)
            .map_err(|reason| self.refused(&place.url, reason))?;
        let bytes = match self
            .wait(download(client, &place.url, &self.request.label()))
            .await?
        {
            Ok(Ok(bytes)) => bytes,
            Ok(Err(reason)) => return Ok(Err(format!("{} {reason}", place.url))),
            Err(error) => return Ok(Err(error.to_string())),
        };
        check.update(&bytes);
        check
            .finish()
            .map_err(|reason| self.refused(&place.url, reason))?;
        Ok(Ok(bytes))
    }

    /// The commands of an archive; in words where it has not what it should have.
    async fn unpacked(
        &self,
        archive: Vec<u8>,
        place: &Place,
        settings: &Settings,
        triple: &Triple,
    ) -> Result<Result<Commands, String>, OpsError> {
        let stage = self.at.store.stage()?;
        let permit = self.at.session.governor().permit(Work::Disk).await;
        let format = place.candidate.format;
        let laid_out = run_blocking(move || {
            let laid_out = lay_out(&stage, &archive, format);
            drop(permit);
            laid_out.map(|()| stage)
        });
        let stage = match laid_out.await {
            Ok(stage) => stage,
            Err(error) => return self.broken(&place.url, error).map(Err),
        };
        let version = self.request.version.to_string();
        let folder = stage.path().join("all");
        let mut commands = Vec::new();
        for command in &self.crate_.commands {
            let path = match format {
                PackageFormat::Bin if self.crate_.commands.len() > 1 => {
                    return Ok(Err("it is one command, and the crate has several".to_owned()));
                }
                PackageFormat::Bin => Ok("bin".to_owned()),
                _ => {
                    let has_folder = |name: &str| folder.join(name).is_dir();
                    command_path(settings, self.facts(&version), triple, command, has_folder)
                }
            };
            let read = path
                .map_err(|invalid| invalid.to_string())
                .and_then(|path| read_inside(&folder, &path));
            let judged = read.and_then(|bytes| {
                self.judge(&bytes)
                    .map_err(|reason| format!("the command `{command}` cannot be used: {reason}"))?;
                Ok(bytes)
            });
            match judged {
                Ok(bytes) => commands.push((command.clone(), bytes)),
                Err(reason) => return Ok(Err(reason)),
            }
        }
        Ok(Ok(commands))
    }

    /// An archive that was signed, and breaks rules that hold for everybody.
    fn broken(&self, url: &WebUrl, error: ArchiveError) -> Result<String, OpsError> {
        use wharf_core::Explain;
        let code = error.code();
        match error {
            ArchiveError::Refused { entry, reason, .. } => Err(PrebuiltError::Archive {
                package: self.request.label(),
                url: Box::new(url.without_credentials()),
                entry,
                reason: reason.to_string(),
                code,
            }
            .into()),
            ArchiveError::Unreadable { source, .. } => Ok(source.to_string()),
            ArchiveError::Store { source, .. } => Err(source.into()),
        }
    }

    fn refused(&self, url: &WebUrl, reason: BadSignature) -> PrebuiltError {
        PrebuiltError::Signature {
            package: self.request.label(),
            url: Box::new(url.without_credentials()),
            reason,
        }
    }

    /// Waits, unless the user wants no more.
    pub(super) async fn wait<T>(&self, work: impl Future<Output = T>) -> Result<T, OpsError> {
        let done = self.at.session.cancel().or(work).await;
        done.ok_or(OpsError::Interrupted)
    }
}

/// Of two reasons the one that the user should know.
fn worse(before: Verdict, reason: Reason) -> Reason {
    match (before, reason) {
        (Verdict::Not(told @ Reason::Told(_)), _) => told,
        (_, reason) => reason,
    }
}

fn is_web(url: &WebUrl) -> bool {
    matches!(url.as_url().scheme(), "http" | "https")
}

/// All bytes of a file; in words where they are too many.
async fn download(
    client: &Client,
    url: &WebUrl,
    label: &str,
) -> Result<Result<Vec<u8>, &'static str>, NetError> {
    let mut stream = client.stream(url, label).await?;
    let mut bytes = Vec::new();
    while let Some(more) = stream.next().await? {
        if bytes.len() + more.len() > MOST_OF_AN_ARCHIVE {
            return Ok(Err("is larger than any tool"));
        }
        bytes.extend_from_slice(&more);
    }
    Ok(Ok(bytes))
}

/// Unpacks into the folder `all` of a stage.
fn lay_out(stage: &Stage, archive: &[u8], format: PackageFormat) -> Result<(), ArchiveError> {
    let (file, folder) = (stage.path().join("archive"), stage.path().join("all"));
    let unreadable = |source| ArchiveError::Unreadable {
        archive: file.clone(),
        source,
    };
    let write = |path: &Path| {
        let written = File::create(path).and_then(|mut out| out.write_all(archive));
        written.map_err(unreadable)
    };
    let compression = match format {
        PackageFormat::Bin => {
            fs::create_dir_all(&folder).map_err(unreadable)?;
            return write(&folder.join("bin"));
        }
        PackageFormat::Zip => {
            write(&file)?;
            return extract_zip(&file, &folder, &Limits::default());
        }
        PackageFormat::Tar => Compression::None,
        PackageFormat::Tbz2 => Compression::Bzip2,
        PackageFormat::Tgz => Compression::Gzip,
        PackageFormat::Txz => Compression::Xz,
        PackageFormat::Tzstd => Compression::Zstd,
    };
    write(&file)?;
    extract_tar(&file, compression, &folder, &Limits::default())
}

/// A file below a folder, which links inside of it may lead to.
fn read_inside(folder: &Path, path: &str) -> Result<Vec<u8>, String> {
    let missing = || format!("it has no `{path}`");
    let root = folder.canonicalize().map_err(|error| error.to_string())?;
    let file = folder.join(path).canonicalize().map_err(|_| missing())?;
    if !file.starts_with(&root) || !file.is_file() {
        return Err(missing());
    }
    fs::read(&file).map_err(|error| format!("`{path}` cannot be read: {error}"))
}
