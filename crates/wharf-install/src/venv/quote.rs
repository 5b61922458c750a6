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
