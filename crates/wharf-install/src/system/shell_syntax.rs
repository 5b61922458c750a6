//! The part of the shell's grammar that maintainer scripts use, as a tree. Nothing is run here.
//!
//! Source: POSIX.1-2017, Shell Command Language. What is not known (`[[`, `<(`, arrays, `select`) is an error: then the script is one
//! that would have to be run.
//!
//! Invariant: reading a script ends in time in proportion to its length, and neither what is nested in it nor how much there is of it
//! takes more than a limit.

use std::rc::Rc;

/// Several commands after each other.
pub(crate) type List = Vec<AndOr>;

/// `a && b || c`.
#[derive(Clone, Debug)]
pub(crate) struct AndOr {
    pub(crate) first: Pipeline,
    pub(crate) rest: Vec<(Join, Pipeline)>,
}

/// What stands between two pipelines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Join {
    And,
    Or,
}

/// `! a | b`.
#[derive(Clone, Debug)]
pub(crate) struct Pipeline {
    pub(crate) negated: bool,
    pub(crate) commands: Vec<Command>,
}

/// A command with what is redirected around it.
#[derive(Clone, Debug)]
pub(crate) struct Command {
    pub(crate) kind: CommandKind,
    pub(crate) redirects: Vec<Redirect>,
    /// As it is written, its first line.
    pub(crate) text: Rc<str>,
}

#[derive(Clone, Debug)]
pub(crate) enum CommandKind {
    Simple {
        assignments: Vec<(String, Word)>,
        words: Vec<Word>,
    },
    If {
        branches: Vec<(List, List)>,
        otherwise: Option<List>,
    },
    For {
        name: String,
        words: Option<Vec<Word>>,
        body: List,
    },
    While {
        condition: List,
        body: List,
    },
    Case {
        word: Word,
        arms: Vec<(Vec<Word>, List)>,
    },
    Group(List),
    Subshell(List),
    Function {
        name: String,
        body: Rc<Command>,
    },
}

/// `2>/dev/null`, `<<EOF`.
#[derive(Clone, Debug)]
pub(crate) struct Redirect {
    pub(crate) descriptor: Option<u8>,
    pub(crate) kind: RedirectKind,
    pub(crate) target: Word,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RedirectKind {
    Read,
    Write,
    Append,
    /// `>&2`.
    Duplicate,
    /// The target is the text itself.
    Here,
}

/// A word before it is expanded.
#[derive(Clone, Debug, Default)]
pub(crate) struct Word(pub(crate) Vec<Part>);

#[derive(Clone, Debug)]
pub(crate) enum Part {
    Text {
        text: String,
        quoted: bool,
    },
    Parameter {
        name: String,
        operation: Option<(String, Word)>,
        quoted: bool,
    },
    Command {
        list: List,
        quoted: bool,
    },
    Arithmetic,
}

/// Why a script could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unreadable {
    pub(crate) line: usize,
    pub(crate) reason: &'static str,
}

/// Reads a script.
pub(crate) fn parse(text: &str) -> Result<List, Unreadable> {
    let mut parser = Parser {
        text,
        at: 0,
        documents: None,
        depth: 0,
        left: MAX_PARTS,
    };
    parser.whole()
}

/// More commands, functions, expansions and here-documents inside each other than any script has.
const MAX_DEPTH: usize = 60;
/// More commands and parts of words than any script has.
const MAX_PARTS: usize = 200_000;

struct Parser<'a> {
    text: &'a str,
    at: usize,
    /// Where the here-documents end that this line has named so far: the next line is there.
    documents: Option<usize>,
    depth: usize,
    /// How many commands and parts of words may still come.
    left: usize,
}

const RESERVED: [&str; 13] = [
    "if", "then", "else", "elif", "fi", "do", "done", "case", "esac", "while", "until", "for", "}",
];

impl<'a> Parser<'a> {
    /// All of the text as commands.
    fn whole(&mut self) -> Result<List, Unreadable> {
        let list = self.list(&[])?;
        self.blanks();
        match self.at == self.text.len() {
            true => Ok(list),
            false => Err(self.fail("something stands where no command can")),
        }
    }

    /// Reads something that is one deeper.
    fn deeper<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T, Unreadable>) -> Result<T, Unreadable> {
        if self.depth == MAX_DEPTH {
            return Err(self.fail("its commands are nested too deeply"));
        }
        self.depth += 1;
        let found = read(self)?;
        self.depth -= 1;
        Ok(found)
    }

    /// Reads a text of its own that stands in this one.
    fn inner<'t, T>(
        &mut self,
        text: &'t str,
        read: impl FnOnce(&mut Parser<'t>) -> Result<T, Unreadable>,
    ) -> Result<T, Unreadable> {
        let mut parser = Parser {
            text,
            at: 0,
            documents: None,
            depth: self.depth,
            left: self.left,
        };
        let found = parser.deeper(read);
        self.left = parser.left;
        found
    }

    /// Counts a command or a part of a word.
    fn count(&mut self) -> Result<(), Unreadable> {
        match self.left.checked_sub(1) {
            Some(left) => self.left = left,
            None => return Err(self.fail("it has more commands and words than can be followed")),
        }
        Ok(())
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn fail(&self, reason: &'static str) -> Unreadable {
        Unreadable {
            line: self.text[..self.at].matches('\n').count() + 1,
            reason,
        }
    }

    /// Passes over blanks, comments and joined lines, but not over line ends.
    fn spaces(&mut self) {
        loop {
            let rest = self.rest();
            if rest.starts_with("\\\n") {
                self.at += 2;
            } else if rest.starts_with([' ', '\t', '\r']) {
                self.at += 1;
            } else if rest.starts_with('#') {
                self.at += rest.find('\n').unwrap_or(rest.len());
            } else {
                return;
            }
        }
    }

    fn blanks(&mut self) {
        loop {
            self.spaces();
            match self.peek() {
                Some('\n') => self.newline(),
                Some(';') if !self.rest().starts_with(";;") => self.at += 1,
                _ => return,
            }
        }
    }

    fn newline(&mut self) {
        self.at += 1;
        if let Some(end) = self.documents.take() {
            self.at = end.max(self.at);
        }
    }

    /// The word at this place, if it is plain letters, without taking it.
    fn word_ahead(&self) -> &'a str {
        let rest = self.rest();
        let end = rest
            .find(|c: char| c.is_whitespace() || ";&|()<>\"'`$\\#".contains(c))
            .unwrap_or(rest.len());
        &rest[..end]
    }

    fn take_word(&mut self, word: &str) -> bool {
        self.spaces();
        let found = self.word_ahead() == word;
        if found {
            self.at += word.len();
        }
        found
    }

    fn expect(&mut self, word: &str, reason: &'static str) -> Result<(), Unreadable> {
        self.blanks();
        match self.take_word(word) {
            true => Ok(()),
            false => Err(self.fail(reason)),
        }
    }

    /// Commands up to one of these words, `)`, `;;` or the end.
    fn list(&mut self, until: &[&str]) -> Result<List, Unreadable> {
        self.deeper(|parser| parser.commands(until))
    }

    fn commands(&mut self, until: &[&str]) -> Result<List, Unreadable> {
        let mut list = Vec::new();
        loop {
            self.blanks();
            let ahead = self.word_ahead();
            let rest = self.rest();
            if rest.is_empty() || rest.starts_with(')') || rest.starts_with(";;") || until.contains(&ahead) {
                return Ok(list);
            }
            if RESERVED.contains(&ahead) && !matches!(ahead, "if" | "case" | "while" | "until" | "for") {
                return Err(self.fail("a reserved word stands where a command should"));
            }
            list.push(self.and_or()?);
            self.spaces();
            let rest = self.rest();
            if rest.starts_with('&') && !rest.starts_with("&&") {
                return Err(self.fail("it leaves a command in the background"));
            }
            if !(rest.is_empty() || rest.starts_with(['\n', ';', ')'])) {
                return Err(self.fail("something stands behind a command"));
            }
        }
    }

    fn and_or(&mut self) -> Result<AndOr, Unreadable> {
        let first = self.pipeline()?;
        let mut rest = Vec::new();
        loop {
            self.spaces();
            let join = match self.rest() {
                text if text.starts_with("&&") => Join::And,
                text if text.starts_with("||") => Join::Or,
                _ => return Ok(AndOr { first, rest }),
            };
            self.at += 2;
            self.lines();
            rest.push((join, self.pipeline()?));
        }
    }

    /// Passes over blanks and line ends, but not over `;`.
    fn lines(&mut self) {
        loop {
            self.spaces();
            match self.peek() {
                Some('\n') => self.newline(),
                _ => return,
            }
        }
    }

    fn pipeline(&mut self) -> Result<Pipeline, Unreadable> {
        let negated = self.take_word("!");
        let mut commands = vec![self.command()?];
        loop {
            self.spaces();
            if !self.rest().starts_with('|') || self.rest().starts_with("||") {
                return Ok(Pipeline { negated, commands });
            }
            self.at += 1;
            self.lines();
            commands.push(self.command()?);
        }
    }

    fn command(&mut self) -> Result<Command, Unreadable> {
        self.spaces();
        self.count()?;
        let start = self.at;
        let kind = match self.word_ahead() {
            "if" => self.conditional()?,
            "for" => self.for_loop()?,
            word @ ("while" | "until") => {
                self.at += word.len();
                let condition = self.list(&["do"])?;
                self.expect("do", "a loop has no `do`")?;
                let body = self.list(&["done"])?;
                self.expect("done", "a loop has no `done`")?;
                CommandKind::While { condition, body }
            }
            "case" => self.case()?,
            "{" => {
                self.at += 1;
                let list = self.list(&["}"])?;
                self.expect("}", "a group has no `}`")?;
                CommandKind::Group(list)
            }
            "[[" | "select" | "function" | "((" => {
                return Err(self.fail("it is not written for the plain shell"));
            }
            _ if self.rest().starts_with('(') => {
                self.at += 1;
                let list = self.list(&[])?;
                self.close()?;
                CommandKind::Subshell(list)
            }
            _ => return self.simple(start),
        };
        let redirects = self.redirects()?;
        Ok(Command {
            kind,
            redirects,
            text: self.written(start),
        })
    }

    fn close(&mut self) -> Result<(), Unreadable> {
        self.blanks();
        match self.peek() {
            Some(')') => {
                self.at += 1;
                Ok(())
            }
            _ => Err(self.fail("a parenthesis is not closed")),
        }
    }

    fn written(&self, start: usize) -> Rc<str> {
        let text = self.text[start..self.at].trim();
        let joined = text.replace("\\\n", " ");
        let line = joined.lines().next().unwrap_or_default();
        let line: String = line.split_whitespace().collect::<Vec<_>>().join(" ");
        line.chars().take(160).collect::<String>().into()
    }

    fn conditional(&mut self) -> Result<CommandKind, Unreadable> {
        self.at += 2;
        let mut branches = Vec::new();
        loop {
            let condition = self.list(&["then"])?;
            self.expect("then", "an `if` has no `then`")?;
            branches.push((condition, self.list(&["elif", "else", "fi"])?));
            self.blanks();
            if self.take_word("elif") {
                continue;
            }
            let otherwise = match self.take_word("else") {
                true => Some(self.list(&["fi"])?),
                false => None,
            };
            self.expect("fi", "an `if` has no `fi`")?;
            return Ok(CommandKind::If { branches, otherwise });
        }
    }

    fn for_loop(&mut self) -> Result<CommandKind, Unreadable> {
        self.at += 3;
        self.spaces();
        let name = self.word_ahead().to_owned();
        self.at += name.len();
        if !is_name(&name) {
            return Err(self.fail("a loop has no variable"));
        }
        self.lines();
        let words = match self.take_word("in") {
            true => {
                let mut words = Vec::new();
                loop {
                    self.spaces();
                    if self.rest().is_empty() || self.rest().starts_with(['\n', ';']) {
                        break;
                    }
                    words.push(self.word()?);
                }
                Some(words)
            }
            false => None,
        };
        self.expect("do", "a loop has no `do`")?;
        let body = self.list(&["done"])?;
        self.expect("done", "a loop has no `done`")?;
        Ok(CommandKind::For { name, words, body })
    }

    fn case(&mut self) -> Result<CommandKind, Unreadable> {
        self.at += 4;
        self.spaces();
        let word = self.word()?;
        self.lines();
        if !self.take_word("in") {
            return Err(self.fail("a `case` has no `in`"));
        }
        let mut arms = Vec::new();
        loop {
            self.blanks();
            if self.take_word("esac") {
                return Ok(CommandKind::Case { word, arms });
            }
            if self.peek() == Some('(') {
                self.at += 1;
            }
            let mut patterns = Vec::new();
            loop {
                self.spaces();
                patterns.push(self.word()?);
                self.spaces();
                match self.peek() {
                    Some('|') => self.at += 1,
                    Some(')') => break,
                    _ => return Err(self.fail("a pattern of a `case` does not end")),
                }
            }
            self.at += 1;
            let body = self.list(&["esac"])?;
            arms.push((patterns, body));
            if self.rest().starts_with(";;") {
                self.at += 2;
            }
        }
    }

    fn simple(&mut self, start: usize) -> Result<Command, Unreadable> {
        let (mut assignments, mut words, mut redirects) = (Vec::new(), Vec::new(), Vec::new());
        loop {
            self.spaces();
            let rest = self.rest();
            if rest.is_empty() || rest.starts_with(['\n', ';', '&', '|', ')']) {
                break;
            }
            if let Some(redirect) = self.redirect()? {
                redirects.push(redirect);
                continue;
            }
            if rest.starts_with('(') {
                return self.function(&words, start);
            }
            let ahead = self.word_ahead();
            if words.is_empty()
                && let Some((name, _)) = ahead.split_once('=')
                && is_name(name)
            {
                self.at += name.len() + 1;
                let value = match self.peek() {
                    None | Some(' ' | '\t' | '\n' | ';' | ')' | '&' | '|') => Word::default(),
                    Some('(') => return Err(self.fail("it uses arrays")),
                    _ => self.word()?,
                };
                assignments.push((name.to_owned(), value));
                continue;
            }
            words.push(self.word()?);
        }
        if assignments.is_empty() && words.is_empty() && redirects.is_empty() {
            return Err(self.fail("a command is missing"));
        }
        Ok(Command {
            kind: CommandKind::Simple { assignments, words },
            redirects,
            text: self.written(start),
        })
    }

    fn function(&mut self, words: &[Word], start: usize) -> Result<Command, Unreadable> {
        let name = match words {
            [Word(parts)] => match parts.as_slice() {
                [Part::Text { text, quoted: false }] => text.clone(),
                _ => return Err(self.fail("a function has no plain name")),
            },
            _ => return Err(self.fail("a parenthesis stands where none can")),
        };
        self.at += 1;
        self.close()?;
        self.lines();
        let body = Rc::new(self.deeper(Self::command)?);
        Ok(Command {
            kind: CommandKind::Function { name, body },
            redirects: Vec::new(),
            text: self.written(start),
        })
    }

    fn redirects(&mut self) -> Result<Vec<Redirect>, Unreadable> {
        let mut found = Vec::new();
        loop {
            self.spaces();
            match self.redirect()? {
                Some(redirect) => found.push(redirect),
                None => return Ok(found),
            }
        }
    }

    fn redirect(&mut self) -> Result<Option<Redirect>, Unreadable> {
        let rest = self.rest();
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let after = &rest[digits..];
        if !after.starts_with(['<', '>']) || digits > 1 {
            return Ok(None);
        }
        let descriptor = rest[..digits].parse().ok();
        let (kind, length) = match after {
            text if text.starts_with("<<<") || text.starts_with("<(") || text.starts_with(">(") => {
                return Err(self.fail("it is not written for the plain shell"));
            }
            text if text.starts_with("<<") => (RedirectKind::Here, 2),
            text if text.starts_with(">>") => (RedirectKind::Append, 2),
            text if text.starts_with(">&") || text.starts_with("<&") => (RedirectKind::Duplicate, 2),
            text if text.starts_with(">|") => (RedirectKind::Write, 2),
            text if text.starts_with('>') => (RedirectKind::Write, 1),
            _ => (RedirectKind::Read, 1),
        };
        self.at += digits + length;
        if kind == RedirectKind::Here {
            return self.here(descriptor).map(Some);
        }
        self.spaces();
        Ok(Some(Redirect {
            descriptor,
            kind,
            target: self.word()?,
        }))
    }

    /// The text begins with the next line, or where that of the document before it on this line ends.
    fn here(&mut self, descriptor: Option<u8>) -> Result<Redirect, Unreadable> {
        let tabs = self.rest().starts_with('-');
        self.at += usize::from(tabs);
        self.spaces();
        let start = self.at;
        let marker = self.word()?;
        let raw = self.text[start..self.at].contains(['\'', '"', '\\']);
        let marker: String = marker
            .0
            .iter()
            .map(|part| match part {
                Part::Text { text, .. } => text.as_str(),
                _ => "",
            })
            .collect();
        let begin = self.documents.unwrap_or_else(|| self.next_line());
        let (body, end) = document(self.text, begin, &marker, tabs);
        self.documents = Some(end);
        let target = match raw {
            true => Word(vec![Part::Text {
                text: body,
                quoted: true,
            }]),
            false => self
                .inner(&body, Parser::expandable)
                .unwrap_or_else(|_| Word(vec![Part::Arithmetic])),
        };
        Ok(Redirect {
            descriptor,
            kind: RedirectKind::Here,
            target,
        })
    }

    /// Where the line after this one begins; lines that a backslash joins are one.
    fn next_line(&self) -> usize {
        let mut at = self.at;
        while let Some(length) = self.text[at..].find('\n') {
            at += length + 1;
            if !self.text[..at - 1].ends_with('\\') {
                return at;
            }
        }
        self.text.len()
    }

    /// A here-document's text with its parameters and commands.
    fn expandable(&mut self) -> Result<Word, Unreadable> {
        let mut parts = Vec::new();
        self.quoted(&mut parts, None)?;
        Ok(Word(parts))
    }

    fn word(&mut self) -> Result<Word, Unreadable> {
        let mut parts = Vec::new();
        let mut plain = String::new();
        let flush = |plain: &mut String, parts: &mut Vec<Part>| {
            if !plain.is_empty() {
                let text = std::mem::take(plain);
                parts.push(Part::Text { text, quoted: false });
            }
        };
        let start = self.at;
        while let Some(c) = self.peek() {
            match c {
                ' ' | '\t' | '\r' | '\n' | ';' | '&' | '|' | '(' | ')' | '<' | '>' => break,
                '\\' => {
                    self.at += 1;
                    let Some(next) = self.peek() else { break };
                    self.at += next.len_utf8();
                    if next != '\n' {
                        self.count()?;
                        flush(&mut plain, &mut parts);
                        let text = next.to_string();
                        parts.push(Part::Text { text, quoted: true });
                    }
                }
                '\'' => {
                    self.count()?;
                    flush(&mut plain, &mut parts);
                    let rest = &self.rest()[1..];
                    let end = rest
                        .find('\'')
                        .ok_or_else(|| self.fail("a quote is not closed"))?;
                    parts.push(Part::Text {
                        text: rest[..end].to_owned(),
                        quoted: true,
                    });
                    self.at += end + 2;
                }
                '"' => {
                    flush(&mut plain, &mut parts);
                    self.at += 1;
                    self.quoted(&mut parts, Some('"'))?;
                    self.at += 1;
                }
                '$' => {
                    flush(&mut plain, &mut parts);
                    parts.push(self.dollar(false)?);
                }
                '`' => {
                    flush(&mut plain, &mut parts);
                    parts.push(self.backquoted(false)?);
                }
                c => {
                    plain.push(c);
                    self.at += c.len_utf8();
                }
            }
        }
        flush(&mut plain, &mut parts);
        if self.at == start {
            return Err(self.fail("a word is missing"));
        }
        self.count()?;
        Ok(Word(parts))
    }

    /// Text between double quotes (not taking the last), or all that is left.
    fn quoted(&mut self, parts: &mut Vec<Part>, until: Option<char>) -> Result<(), Unreadable> {
        self.count()?;
        let mut text = String::new();
        let push = |text: &mut String, parts: &mut Vec<Part>| {
            parts.push(Part::Text {
                text: std::mem::take(text),
                quoted: true,
            });
        };
        loop {
            let Some(c) = self.peek() else {
                return match until {
                    None => {
                        push(&mut text, parts);
                        Ok(())
                    }
                    Some(_) => Err(self.fail("a quote is not closed")),
                };
            };
            if Some(c) == until {
                push(&mut text, parts);
                return Ok(());
            }
            match c {
                '\\' => {
                    self.at += 1;
                    match self.peek() {
                        Some('\n') => self.at += 1,
                        Some(next @ ('$' | '`' | '"' | '\\')) => {
                            text.push(next);
                            self.at += 1;
                        }
                        _ => text.push('\\'),
                    }
                }
                '$' => {
                    push(&mut text, parts);
                    parts.push(self.dollar(true)?);
                }
                '`' => {
                    push(&mut text, parts);
                    parts.push(self.backquoted(true)?);
                }
                c => {
                    text.push(c);
                    self.at += c.len_utf8();
                }
            }
        }
    }

    fn dollar(&mut self, quoted: bool) -> Result<Part, Unreadable> {
        self.count()?;
        self.at += 1;
        let rest = self.rest();
        if rest.starts_with("((")
            && let Some(end) = parenthesis_end(&rest[1..])
            && rest[1 + end..].starts_with(')')
        {
            self.at += 1 + end + 1;
            return Ok(Part::Arithmetic);
        }
        if rest.starts_with('(') {
            self.at += 1;
            let list = self.list(&[])?;
            self.close()?;
            return Ok(Part::Command { list, quoted });
        }
        if rest.starts_with('{') {
            return self.braced(quoted);
        }
        let special = rest.starts_with(|c: char| "@*#?$!-0123456789".contains(c));
        let length = match special {
            true => 1,
            false => rest
                .find(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
                .unwrap_or(rest.len()),
        };
        if length == 0 {
            let text = "$".to_owned();
            return Ok(Part::Text { text, quoted: true });
        }
        self.at += length;
        Ok(Part::Parameter {
            name: rest[..length].to_owned(),
            operation: None,
            quoted,
        })
    }

    fn braced(&mut self, quoted: bool) -> Result<Part, Unreadable> {
        self.at += 1;
        let rest = self.rest();
        if rest.starts_with('#') && !rest.starts_with("#}") {
            let end = rest.find('}').ok_or_else(|| self.fail("a `${` is not closed"))?;
            self.at += end + 1;
            return Ok(Part::Arithmetic); // a length
        }
        let length = match rest.starts_with(|c: char| "@*#?$!-".contains(c)) {
            true => 1,
            false => rest
                .find(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
                .unwrap_or(rest.len()),
        };
        let name = rest[..length].to_owned();
        self.at += length;
        if length == 0 {
            return Err(self.fail("a `${` has no name"));
        }
        if self.peek() == Some('}') {
            self.at += 1;
            return Ok(Part::Parameter {
                name,
                operation: None,
                quoted,
            });
        }
        let operators = [":-", ":=", ":+", ":?", "##", "%%", "-", "=", "+", "?", "#", "%"];
        let rest = self.rest();
        let operator = operators
            .into_iter()
            .find(|operator| rest.starts_with(operator))
            .ok_or_else(|| self.fail("it is not written for the plain shell"))?;
        self.at += operator.len();
        let mut parts = Vec::new();
        // Quotes inside braces count as outside of them.
        let start = self.at;
        let end = brace_end(self.rest()).ok_or_else(|| self.fail("a `${` is not closed"))?;
        let inner = &self.text[start..start + end];
        self.inner(inner, |parser| parser.inside(&mut parts))?;
        self.at = start + end + 1;
        Ok(Part::Parameter {
            name,
            operation: Some((operator.to_owned(), Word(parts))),
            quoted,
        })
    }

    /// A word in which blanks stand for themselves.
    fn inside(&mut self, parts: &mut Vec<Part>) -> Result<(), Unreadable> {
        while let Some(c) = self.peek() {
            if " \t\r\n;&|()<>".contains(c) {
                self.at += c.len_utf8();
                match parts.last_mut() {
                    Some(Part::Text { text, quoted: false }) => text.push(c),
                    _ => parts.push(Part::Text {
                        text: c.to_string(),
                        quoted: false,
                    }),
                }
            } else {
                parts.extend(self.word()?.0);
            }
        }
        Ok(())
    }

    fn backquoted(&mut self, quoted: bool) -> Result<Part, Unreadable> {
        let rest = &self.rest()[1..];
        let mut end = None;
        let mut escaped = false;
        for (at, c) in rest.char_indices() {
            match c {
                '`' if !escaped => {
                    end = Some(at);
                    break;
                }
                '\\' => escaped = !escaped,
                _ => escaped = false,
            }
        }
        let end = end.ok_or_else(|| self.fail("a backquote is not closed"))?;
        let inner = rest[..end]
            .replace("\\`", "`")
            .replace("\\$", "$")
            .replace("\\\\", "\\");
        let list = self
            .inner(&inner, Parser::whole)
            .map_err(|error| self.fail(error.reason))?;
        self.at += end + 2;
        Ok(Part::Command { list, quoted })
    }
}

fn brace_end(text: &str) -> Option<usize> {
    let (mut depth, mut skip, mut single) = (0usize, false, false);
    for (at, c) in text.char_indices() {
        match c {
            _ if skip => skip = false,
            '\'' => single = !single,
            _ if single => {}
            '\\' => skip = true,
            '{' => depth += 1,
            '}' if depth == 0 => return Some(at),
            '}' => depth -= 1,
            _ => {}
        }
    }
    None
}

/// Behind the parenthesis that closes the one that a text begins with. What is quoted does not count.
fn parenthesis_end(text: &str) -> Option<usize> {
    let (mut depth, mut skip, mut quote) = (0usize, false, None);
    for (at, c) in text.char_indices() {
        match (c, quote) {
            _ if skip => skip = false,
            ('\\', None | Some('"')) => skip = true,
            (c, Some(open)) if c == open => quote = None,
            (_, Some(_)) => {}
            ('\'' | '"', None) => quote = Some(c),
            ('(', None) => depth += 1,
            (')', None) if depth == 1 => return Some(at + 1),
            (')', None) => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    None
}

/// A here-document's text from where it begins up to its marker, and where the line after that is.
fn document(text: &str, begin: usize, marker: &str, tabs: bool) -> (String, usize) {
    let (mut at, mut body) = (begin, String::new());
    for line in text[begin..].split_inclusive('\n') {
        at += line.len();
        let line = if tabs { line.trim_start_matches('\t') } else { line };
        if line.strip_suffix('\n').unwrap_or(line) == marker {
            break;
        }
        body.push_str(line);
    }
    (body, at)
}

pub(crate) fn is_name(text: &str) -> bool {
    let mut chars = text.chars();
    chars.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && chars.all(|c| c.is_ascii_alphanumeric() || c == '_')
}
