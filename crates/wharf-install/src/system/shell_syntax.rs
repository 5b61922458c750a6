//! The part of the shell's grammar that maintainer scripts use, as a tree. Nothing is run here.
//!
//! Source: POSIX.1-2017, Shell Command Language. What is not known (`[[`, `<(`, arrays, `select`) is an error: then the script is one
//! that would have to be run.
//!
//! Invariant: reading a script ends in time in proportion to its length, and neither what is nested in it nor how much there is of it
//! takes more than a limit.

mod commands;
mod redirects;
mod words;

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
}
