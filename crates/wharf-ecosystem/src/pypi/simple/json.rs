//! Project pages as JSON (PEP 691, 700, 714, 792). Invariant: see [`super`]. A field of the wrong type counts as missing.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use wharf_core::{Algorithm, Digest, PackageName, WebUrl};

use super::file::{RawFile, Reader};
use super::{MetadataFile, Page, PageError, ProjectStatus, check_version};

/// Reads a JSON page that was fetched from `base`.
///
/// # Errors
/// Where the document is no JSON object with a list of files, or claims a later version of the format.
pub fn parse_json(bytes: &[u8], base: &WebUrl, name: &PackageName) -> Result<Page, PageError> {
    let mut reader = Reader::new(base, name);
    let mut head = Head::default();
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let seed = PageSeed {
        reader: &mut reader,
        head: &mut head,
    };
    let read = seed
        .deserialize(&mut deserializer)
        .and_then(|()| deserializer.end());
    if let Some(version) = &head.version {
        check_version(version, name)?;
    }
    let no_page = |reason: String| PageError::Json {
        name: name.clone(),
        reason,
    };
    read.map_err(|error| no_page(error.to_string()))?;
    if !head.has_files {
        return Err(no_page("it has no list `files`".to_owned()));
    }
    Ok(Page {
        name: name.clone(),
        files: reader.files,
        skipped: reader.skipped,
        status: head.status,
    })
}

/// What stands beside the files.
#[derive(Default)]
struct Head {
    version: Option<String>,
    status: Option<ProjectStatus>,
    has_files: bool,
}

impl Head {
    fn set_meta(&mut self, key: &str, value: Value<'_>) {
        match key {
            "api-version" => self.version = value.into_string(),
            "project-status" => self.set_status("status", value),
            "project-status-reason" => self.set_status("reason", value),
            _ => {}
        }
    }

    fn set_status(&mut self, key: &str, value: Value<'_>) {
        let status = self.status.get_or_insert_with(|| ProjectStatus {
            status: String::new(),
            reason: None,
        });
        match key {
            "status" => status.status = value.into_string().unwrap_or_default(),
            "reason" => status.reason = value.into_string(),
            _ => {}
        }
    }
}

/// Reads the outermost object, handing each file to the reader as it comes.
struct PageSeed<'r, 'p> {
    reader: &'r mut Reader<'p>,
    head: &'r mut Head,
}

impl<'de> DeserializeSeed<'de> for PageSeed<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for PageSeed<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a project page")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key_seed(Text)? {
            match key.as_deref() {
                Some("files") => {
                    map.next_value_seed(FilesSeed(&mut *self.reader))?;
                    self.head.has_files = true;
                }
                Some("meta") => {
                    map.next_value_seed(Fields(|key: &str, value| self.head.set_meta(key, value)))?;
                }
                Some("project-status") => {
                    map.next_value_seed(Fields(|key: &str, value| self.head.set_status(key, value)))?;
                }
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }
}

struct FilesSeed<'r, 'p>(&'r mut Reader<'p>);

impl<'de> DeserializeSeed<'de> for FilesSeed<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for FilesSeed<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of files")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut files: A) -> Result<(), A::Error> {
        loop {
            let mut file = JsonFile::default();
            if files
                .next_element_seed(Fields(|key: &str, value: Value<'de>| file.set(key, value)))?
                .is_none()
            {
                return Ok(());
            }
            match (file.raw.filename.is_empty(), file.raw.url.is_empty()) {
                (false, false) => self.0.add(file.into_raw()),
                (true, _) => self.0.skip(&file.raw.url, "has no file name"),
                (false, true) => self.0.skip(&file.raw.filename, "has no link"),
            }
        }
    }
}

/// A file's fields as they come.
#[derive(Default)]
struct JsonFile<'a> {
    raw: RawFile<'a>,
    core_metadata: Option<MetadataFile>,
    dist_info_metadata: Option<MetadataFile>,
}

impl<'a> JsonFile<'a> {
    fn set(&mut self, key: &str, value: Value<'a>) {
        match key {
            "filename" => self.raw.filename = value.into_text().unwrap_or_default(),
            "url" => self.raw.url = value.into_text().unwrap_or_default(),
            "hashes" => {
                if let Value::Digests(digests) = value {
                    self.raw.digests = digests;
                }
            }
            "size" => {
                self.raw.size = if let Value::Number(size) = value {
                    Some(size)
                } else {
                    None
                }
            }
            "requires-python" => self.raw.requires_python = value.into_text(),
            "yanked" => {
                self.raw.yanked = match value {
                    Value::Text(reason) => Some(reason),
                    Value::Bool(true) => Some(Cow::Borrowed("")),
                    Value::Bool(false) | Value::Number(_) | Value::Digests(_) | Value::Other => None,
                }
            }
            "upload-time" => self.raw.upload_time = value.into_text(),
            "core-metadata" => self.core_metadata = value.into_metadata(),
            "dist-info-metadata" | "data-dist-info-metadata" => {
                self.dist_info_metadata = value.into_metadata();
            }
            _ => {}
        }
    }

    /// PEP 714: the newer key counts where both stand.
    fn into_raw(mut self) -> RawFile<'a> {
        self.raw.metadata = self.core_metadata.or(self.dist_info_metadata).unwrap_or_default();
        self.raw
    }
}

/// A value as far as any field needs it. An object is read as one of digests, the only objects that matter.
enum Value<'a> {
    Text(Cow<'a, str>),
    Bool(bool),
    Number(u64),
    Digests(Vec<Digest>),
    Other,
}

impl<'a> Value<'a> {
    fn into_text(self) -> Option<Cow<'a, str>> {
        match self {
            Value::Text(text) => Some(text),
            Value::Bool(_) | Value::Number(_) | Value::Digests(_) | Value::Other => None,
        }
    }

    fn into_string(self) -> Option<String> {
        self.into_text().map(Cow::into_owned)
    }

    fn into_metadata(self) -> Option<MetadataFile> {
        match self {
            Value::Bool(true) => Some(MetadataFile::Present(None)),
            Value::Bool(false) => Some(MetadataFile::Absent),
            Value::Digests(digests) => {
                let strongest = digests.into_iter().max_by_key(Digest::algorithm);
                Some(MetadataFile::Present(strongest))
            }
            Value::Text(_) | Value::Number(_) | Value::Other => None,
        }
    }
}

/// Reads an object's fields one by one; anything but an object has none.
struct Fields<F>(F);

impl<'de, F: FnMut(&str, Value<'de>)> DeserializeSeed<'de> for Fields<F> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

/// Everything that is not wanted is read and dropped.
macro_rules! drop_scalars {
    ($value:expr) => {
        fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
            Ok($value)
        }

        fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
            Ok($value)
        }

        fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
            Ok($value)
        }

        fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
            Ok($value)
        }

        fn visit_unit<E>(self) -> Result<Self::Value, E> {
            Ok($value)
        }
    };
}

impl<'de, F: FnMut(&str, Value<'de>)> Visitor<'de> for Fields<F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    drop_scalars!(());

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key_seed(Text)? {
            let value = map.next_value_seed(ValueSeed)?;
            (self.0)(key.as_deref().unwrap_or_default(), value);
        }
        Ok(())
    }
}

struct ValueSeed;

impl<'de> DeserializeSeed<'de> for ValueSeed {
    type Value = Value<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value<'de>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ValueSeed {
    type Value = Value<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Value<'de>, E> {
        Ok(Value::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value<'de>, E> {
        Ok(Value::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value<'de>, E> {
        Ok(Value::Bool(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value<'de>, E> {
        Ok(Value::Number(value))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Value<'de>, E> {
        Ok(Value::Other)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Value<'de>, E> {
        Ok(Value::Other)
    }

    fn visit_unit<E>(self) -> Result<Value<'de>, E> {
        Ok(Value::Other)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value<'de>, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Value::Other)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value<'de>, A::Error> {
        let mut digests = Vec::with_capacity(1);
        while let Some(key) = map.next_key_seed(Text)? {
            let text = map.next_value_seed(Text)?;
            let algorithm = key.as_deref().and_then(algorithm);
            if let (Some(algorithm), Some(hex)) = (algorithm, text)
                && let Ok(digest) = Digest::from_hex(algorithm, &hex)
            {
                digests.push(digest);
            }
        }
        Ok(Value::Digests(digests))
    }
}

fn algorithm(name: &str) -> Option<Algorithm> {
    const KNOWN: [Algorithm; 7] = [
        Algorithm::Sha256,
        Algorithm::Md5,
        Algorithm::Blake2b,
        Algorithm::Sha512,
        Algorithm::Sha384,
        Algorithm::Sha224,
        Algorithm::Sha1,
    ];
    KNOWN
        .into_iter()
        .find(|algorithm| name.eq_ignore_ascii_case(algorithm.as_str()))
}

/// A text, borrowed where it has no escapes; `None` for anything else.
struct Text;

impl<'de> DeserializeSeed<'de> for Text {
    type Value = Option<Cow<'de, str>>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Text {
    type Value = Option<Cow<'de, str>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text")
    }

    drop_scalars!(None);

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Some(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Some(Cow::Owned(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(None)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(None)
    }
}
