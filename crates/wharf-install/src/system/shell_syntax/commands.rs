//! Reads commands: lists, pipelines, what branches and loops, functions, and plain commands.

use std::rc::Rc;

use super::{AndOr, Command, CommandKind, Join, List, Parser, Part, Pipeline, Unreadable, Word};

const RESERVED: [&str; 13] = [
    "if", "then", "else", "elif", "fi", "do", "done", "case", "esac", "while", "until", "for", "}",
];

impl Parser<'_> {
    /// Commands up to one of these words, `)`, `;;` or the end.
    pub(super) fn list(&mut self, until: &[&str]) -> Result<List, Unreadable> {
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

    pub(super) fn close(&mut self) -> Result<(), Unreadable> {
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
}

pub(crate) fn is_name(text: &str) -> bool {
    let mut chars = text.chars();
    chars.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && chars.all(|c| c.is_ascii_alphanumeric() || c == '_')
}
