//! Writes a text as one literal of a shell's language. Invariant: whatever the text, the shell reads back exactly it.

/// `'it'\''s'`: within single quotes only the quote itself means anything.
pub(super) fn posix(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// As POSIX, but csh looks for history references even within single quotes.
pub(super) fn csh(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''").replace('!', r"\!"))
}

/// Within single quotes fish knows `\'` and `\\`.
pub(super) fn fish(text: &str) -> String {
    format!("'{}'", text.replace('\\', r"\\").replace('\'', r"\'"))
}

/// A double-quoted Nushell string with its escapes.
pub(super) fn nu(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', r"\\").replace('"', "\\\""))
}

/// PowerShell takes typographic quotes for quotes too; each is doubled.
pub(super) fn powershell(text: &str) -> String {
    let mut quoted = String::from("'");
    for each in text.chars() {
        if matches!(each, '\'' | '\u{2018}' | '\u{2019}' | '\u{201a}' | '\u{201b}') {
            quoted.push(each);
        }
        quoted.push(each);
    }
    quoted.push('\'');
    quoted
}

/// A double-quoted Python string.
pub(super) fn python(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', r"\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use proptest::prelude::*;

    use super::*;

    /// What a program prints when it is given each text as a literal; the texts end with NUL.
    fn read_back(program: &str, arguments: &[&str], script: String) -> Option<Vec<u8>> {
        Some(
            Command::new(program)
                .args(arguments)
                .arg(script)
                .output()
                .ok()?
                .stdout,
        )
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn shells_and_python_read_back_what_was_written(texts in prop::collection::vec("[^\\p{C}]{0,12}|[ '\"\\\\$`!‘’]{0,6}", 1..40)) {
            let expected: Vec<u8> = texts.iter().flat_map(|text| [text.as_bytes(), b"\0"].concat()).collect();
            let each = |command: &str, quote: fn(&str) -> String| -> String {
                texts.iter().map(|text| command.replace('@', &quote(text))).collect()
            };
            let seen = read_back("sh", &["-c"], each("printf '%s\\0' @\n", posix));
            prop_assert_eq!(seen.as_ref(), Some(&expected));
            if let Some(seen) = read_back("fish", &["--no-config", "-c"], each("printf '%s\\0' @\n", fish)) {
                prop_assert_eq!(&seen, &expected);
            }
            let written = "import sys\ndef w(t): sys.stdout.buffer.write(t.encode() + bytes(1))\n".to_owned();
            if let Some(seen) = crate::tests::any_python().and_then(|it| {
                read_back(it.base_executable.to_str()?, &["-c"], written + &each("w(@)\n", python))
            }) {
                prop_assert_eq!(&seen, &expected);
            }
        }
    }
}
