//! The table as a manifest has it. Invariant: keys that are not known are passed over, known ones have the known form.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{Declared, InvalidTable, PackageFormat, Settings, Signing, Table};

type Read<T> = Result<T, InvalidTable>;
type Value<'i> = Spanned<DeValue<'i>>;

impl Declared {
    /// What a `Cargo.toml` declares.
    ///
    /// # Errors
    /// Where the text is no TOML, or the table is not of the known form, in words.
    pub fn parse(manifest: &str) -> Read<Self> {
        let document = DeTable::parse(manifest).map_err(|error| {
            InvalidTable(format!("its Cargo.toml is not valid TOML: {}", error.message()))
        })?;
        let document = document.get_ref();
        let Some(package) = document
            .get("package")
            .and_then(|value| value.get_ref().as_table())
        else {
            return Ok(Self::default());
        };
        let repository = package
            .get("repository")
            .and_then(|value| value.get_ref().as_str());
        let metadata = package
            .get("metadata")
            .and_then(|value| value.get_ref().as_table());
        let binstall = metadata.and_then(|metadata| metadata.get("binstall"));
        Ok(Self {
            repository: repository
                .filter(|text| !text.trim().is_empty())
                .map(|text| text.trim().to_owned()),
            table: binstall.map(read).transpose()?,
        })
    }
}

fn read(value: &Value<'_>) -> Read<Table> {
    let table = table(value, "binstall")?;
    let mut overrides = Vec::new();
    if let Some(value) = table.get("overrides") {
        let entries = self::table(value, "overrides")?;
        let mut entries: Vec<_> = entries.iter().collect();
        // The order in which they are written decides between several that describe a machine.
        entries.sort_by_key(|(key, _)| key.span().start);
        for (key, value) in entries {
            let platform = key.get_ref().parse().map_err(|error| {
                InvalidTable(format!(
                    "the override `{}` is for no machine: {error}",
                    key.get_ref()
                ))
            })?;
            overrides.push((platform, settings(self::table(value, key.get_ref())?)?));
        }
    }
    Ok(Table {
        base: settings(table)?,
        overrides,
    })
}

fn settings(table: &DeTable<'_>) -> Read<Settings> {
    let format = text(table, "pkg-fmt")?.map(|word| {
        PackageFormat::from_word(&word)
            .ok_or_else(|| InvalidTable(format!("the `pkg-fmt` \"{word}\" is none that is known")))
    });
    Ok(Settings {
        url: text(table, "pkg-url")?,
        format: format.transpose()?,
        bin_dir: text(table, "bin-dir")?,
        disabled: disabled(table)?,
        signing: table.get("signing").map(signing).transpose()?,
    })
}

fn disabled(table: &DeTable<'_>) -> Read<Vec<String>> {
    let Some(value) = table.get("disabled-strategies") else {
        return Ok(Vec::new());
    };
    let wrong = || InvalidTable("`disabled-strategies` is not a list of words".to_owned());
    let list = value.get_ref().as_array().ok_or_else(wrong)?;
    let words = list
        .iter()
        .map(|word| word.get_ref().as_str().map(str::to_owned).ok_or_else(wrong));
    words.collect()
}

fn signing(value: &Value<'_>) -> Read<Signing> {
    let table = table(value, "signing")?;
    let needed =
        |key: &str| text(table, key)?.ok_or_else(|| InvalidTable(format!("its `signing` has no `{key}`")));
    Ok(Signing {
        algorithm: needed("algorithm")?,
        public_key: needed("pubkey")?,
        file: text(table, "file")?,
    })
}

fn table<'v, 'i>(value: &'v Value<'i>, what: &str) -> Read<&'v DeTable<'i>> {
    let table = value.get_ref().as_table();
    table.ok_or_else(|| InvalidTable(format!("`{what}` is not a table")))
}

fn text(table: &DeTable<'_>, key: &str) -> Read<Option<String>> {
    let Some(value) = table.get(key) else {
        return Ok(None);
    };
    match value.get_ref().as_str() {
        Some(text) => Ok(Some(text.to_owned())),
        None => Err(InvalidTable(format!("`{key}` is not a text"))),
    }
}
