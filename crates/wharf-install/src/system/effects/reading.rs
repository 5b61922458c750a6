//! Commands of scripts that read files of the root, or ask about them: `.`, `cat`, `test`.

use super::super::files::Files;
use super::super::questions::disjunction;
use super::super::shell::{MAX_TEXT, Status};
use super::{Answer, Effects, Request, plain};

impl Effects<'_> {
    pub(super) fn source(&mut self, files: &Files, words: &[String]) -> Answer {
        let Some(path) = words.first() else {
            return Answer::Unknown;
        };
        if path.ends_with("/debconf/confmodule") {
            return Answer::Done(Status::Success);
        }
        if files.size(path.as_bytes()) > MAX_TEXT as u64 {
            return Answer::Unknown;
        }
        match files.read_text(self.store, path) {
            Ok(Some(text)) => Answer::Source(text),
            Ok(None) => Answer::Unknown,
            Err(error) => {
                self.failure = Some(error);
                Answer::Unknown
            }
        }
    }

    pub(super) fn cat(&mut self, files: &Files, request: &Request<'_>) -> Answer {
        let mut text = String::new();
        if request.words.is_empty() || request.words == ["-"] {
            return Answer::Says(Status::Success, request.input.map(str::to_owned));
        }
        for path in plain(request.words) {
            if files.size(path.as_bytes()) + text.len() as u64 > MAX_TEXT as u64 {
                return Answer::Says(Status::Success, None);
            }
            match files.read(self.store, path.as_bytes()) {
                Ok(Some(bytes)) => match String::from_utf8(bytes) {
                    Ok(more) => text.push_str(&more),
                    Err(_) => return Answer::Says(Status::Success, None),
                },
                Ok(None) => return Answer::Says(Status::Failure, Some(text)),
                Err(error) => {
                    self.failure = Some(error);
                    return Answer::Unknown;
                }
            }
        }
        Answer::Says(Status::Success, Some(text))
    }

    pub(super) fn test(&self, files: &Files, words: &[String]) -> Answer {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        Answer::Done(disjunction(files, &words))
    }
}
