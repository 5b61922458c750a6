//! Files of a repository on their way to whoever reads them: over the network or from this machine.

use std::fs::File;
use std::io::{self, Read};

use wharf_core::Algorithm;
use wharf_net::{Client, NetError};
use wharf_store::Hasher;

use super::repository::Place;
use crate::pieces::{self, Bytewise, Came};

/// Why a file did not come.
#[derive(Debug)]
pub(super) enum Absent {
    /// It is not there.
    Nowhere,
    /// The network failed.
    Net(NetError),
    /// The disk failed.
    Disk(io::Error),
}

impl From<NetError> for Absent {
    fn from(error: NetError) -> Self {
        match error {
            NetError::NotFound { .. } => Absent::Nowhere,
            error => Absent::Net(error),
        }
    }
}

impl From<io::Error> for Absent {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Absent::Nowhere,
            _ => Absent::Disk(error),
        }
    }
}

/// Lets `work` read a file while it arrives, as [`pieces::read_through`] does.
pub(super) async fn read_through<T: Send + 'static>(
    client: &Client,
    place: &Place,
    label: &str,
    (promised, hash): (u64, Option<Algorithm>),
    work: impl FnOnce(&mut Bytewise) -> T + Send + 'static,
) -> Result<Came<T>, Absent> {
    let hashers = hash.into_iter().map(Hasher::new).collect();
    match place {
        Place::File(path) => Ok(pieces::read_file(File::open(path)?, hashers, promised, work).await),
        Place::Web(url) => {
            let stream = client.stream(url, label).await?;
            Ok(pieces::read_through(stream, None, hashers, promised, work).await?)
        }
    }
}

/// All bytes of a file on this machine; of one with more than `limit` bytes so many that it has too many.
pub(super) async fn whole(path: std::path::PathBuf, limit: u64) -> Result<Vec<u8>, Absent> {
    let read = move || {
        let mut bytes = Vec::new();
        File::open(path)?
            .take(limit.saturating_add(1))
            .read_to_end(&mut bytes)?;
        io::Result::Ok(bytes)
    };
    Ok(wharf_sys::run_blocking(read).await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_file_without_end_is_read_to_its_limit() {
        let bytes = whole("/dev/zero".into(), 1000).await;
        if cfg!(unix) {
            assert_eq!(bytes.unwrap().len(), 1001);
        }
    }
}
