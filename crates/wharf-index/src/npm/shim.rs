//! Stands in for the store's unpacking until it is there.
use std::io::Read;
use std::path::Path;
use wharf_store::{ArchiveError, Limits, Store, TreeId};

/// Stand-in.
#[derive(Debug)]
pub struct Unpacked(TreeId);
impl Unpacked {
    /// Stand-in.
    pub fn tree(&self) -> &TreeId {
        &self.0
    }
}
pub(super) trait Shim {
    fn unpack_tgz_bytes(&self, _: &[u8], _: &Limits) -> Result<Unpacked, ArchiveError> {
        panic!("the store cannot unpack yet")
    }
    fn unpack_tgz(&self, _: impl Read, _: &Limits) -> Result<Unpacked, ArchiveError> {
        panic!("the store cannot unpack yet")
    }
    fn unpack_folder(&self, _: &Path, _: &dyn Fn(&str, bool) -> bool) -> Result<Unpacked, ArchiveError> {
        panic!("the store cannot unpack yet")
    }
}
impl Shim for Store {}
