//! Dockerfiles: the images that stages begin with, copy from and mount, and the image of the frontend.
//!
//! | where | when it is an image |
//! |---|---|
//! | `# syntax=` | always |
//! | `FROM` | unless it is `scratch` or a stage before |
//! | the default of an `ARG` before the first `FROM` | when a `FROM` consists of this argument |
//! | `COPY --from=`, `RUN --mount=…,from=` | unless it is a stage, by name or by number |

mod heredoc;
mod instruction;
mod words;

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use crate::error::TargetError;
use crate::find::Drafts;
use crate::options::Options;
use crate::place::SkipReason;
use crate::slot::{Slot, Style};
use crate::text;
use instruction::{Instruction, Reader};
use words::{unquoted, words};

/// The name of the stage that has nothing.
const SCRATCH: &str = "scratch";

pub(crate) fn find(source: &str, options: &Options, drafts: &mut Drafts) -> Result<(), TargetError> {
    let mut reader = Reader::new(source);
    for directive in reader.directives() {
        if directive.name.eq_ignore_ascii_case("syntax") {
            // Behind the reference may be arguments.
            let reference = directive.value.split([' ', '\t']).next().unwrap_or_default();
            let span = directive.at..directive.at + reference.len();
            drafts.verbatim("syntax", source, span)?;
        }
    }
    let mut file = File {
        options,
        drafts,
        stages: Vec::new(),
        names: HashSet::new(),
        arguments: HashMap::new(),
        uses: Vec::new(),
    };
    while let Some(instruction) = reader.next()? {
        file.instruction(&instruction)?;
    }
    file.finish()
}

struct File<'a> {
    options: &'a Options,
    drafts: &'a mut Drafts,
    /// How each stage is called in paths: by its name, or by its number.
    stages: Vec<String>,
    /// The names of the stages in lower case, in which they are compared.
    names: HashSet<String>,
    /// The defaults of the arguments before the first stage.
    arguments: HashMap<String, Option<Word>>,
    /// What other instructions take from: a stage, before or after, or an image.
    uses: Vec<(String, Word)>,
}

/// A text of an instruction.
#[derive(Clone)]
struct Word {
    text: String,
    /// Its bytes; `None` where they are not in one piece.
    span: Option<Range<usize>>,
    /// Where the instruction begins.
    at: usize,
}

impl File<'_> {
    fn instruction(&mut self, instruction: &Instruction) -> Result<(), TargetError> {
        let mut words = words(&instruction.text, instruction.escape);
        let keyword = |words: &[Range<usize>]| {
            words.first().map(|word| instruction.text[word.clone()].to_ascii_uppercase()).unwrap_or_default()
        };
        if keyword(&words) == "ONBUILD" {
            words.remove(0);
        }
        let keyword = keyword(&words);
        let Some(rest) = words.get(1..) else { return Ok(()) };
        match &*keyword {
            "FROM" => self.from(instruction, rest),
            "ARG" => self.argument(instruction, rest),
            "COPY" | "RUN" => {
                for word in rest.iter().take_while(|word| instruction.text[(*word).clone()].starts_with("--")) {
                    self.flag(instruction, &keyword, word.clone());
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn stage(&self) -> String {
        self.stages.last().map_or_else(String::new, |stage| format!("stage {stage}: "))
    }

    fn from(&mut self, instruction: &Instruction, rest: &[Range<usize>]) -> Result<(), TargetError> {
        let mut rest = rest.iter().skip_while(|word| instruction.text[(*word).clone()].starts_with("--"));
        let Some(image) = rest.next() else { return Ok(()) };
        let is_named = rest.next().is_some_and(|word| instruction.text[word.clone()].eq_ignore_ascii_case("as"));
        let name = rest.next().filter(|_| is_named).map(|name| instruction.text[name.clone()].to_ascii_lowercase());
        let shown = name.as_deref().map(|name| text::part_of_path(name).to_owned());
        self.stages.push(shown.unwrap_or_else(|| self.stages.len().to_string()));
        let word = Word::of(instruction, image.clone());
        let path = format!("{}FROM", self.stage());
        let result = match variable(&word.text) {
            None => self.base(&path, word),
            Some((name, default)) => match (self.arguments.get(name).cloned(), default) {
                (Some(Some(argument)), _) => self.base(&format!("ARG {}", text::part_of_path(name)), argument),
                (_, Some(default)) => {
                    // `${BASE:-alpine:3.20}`, and nothing else gives BASE a value.
                    let (text, span) = (word.text[default.clone()].to_owned(), word.span);
                    let span = span.map(|span| span.start + default.start..span.start + default.end);
                    self.base(&path, Word { text, span, at: word.at })
                }
                (_, None) => self.drafts.skip(&path, word.whereabouts(), &word.text, SkipReason::NoDefault),
            },
        };
        // A stage is known from the next one on: `FROM alpine AS alpine` is no circle.
        self.names.extend(name);
        result
    }

    /// Adds what a stage begins with, if that is an image.
    fn base(&mut self, path: &str, word: Word) -> Result<(), TargetError> {
        let name = word.text.to_ascii_lowercase();
        if name.is_empty() || name == SCRATCH || self.names.contains(&name) {
            return Ok(());
        }
        self.add(path, word)
    }

    fn add(&mut self, path: &str, word: Word) -> Result<(), TargetError> {
        match word.span {
            Some(span) => self.drafts.whole(path, Slot { span, style: Style::Verbatim, text: word.text }, true),
            None => self.drafts.skip(path, word.at..word.at, &word.text, SkipReason::Encoded),
        }
    }

    fn argument(&mut self, instruction: &Instruction, rest: &[Range<usize>]) -> Result<(), TargetError> {
        for word in rest {
            let (name, value) = match instruction.text[word.clone()].find('=') {
                Some(equals) => {
                    let equals = word.start + equals;
                    (word.start..equals, Some(Word::of(instruction, equals + 1..word.end)))
                }
                None => (word.clone(), None),
            };
            let name = instruction.text[name].to_owned();
            if let Some(value) = value.clone().filter(|_| self.options.is_reference(&name)) {
                self.base(&format!("{}ARG {}", self.stage(), text::part_of_path(&name)), value)?;
            }
            if self.stages.is_empty() {
                // Without a default, an argument keeps the one that it was given before.
                let known = self.arguments.entry(name).or_default();
                *known = value.or_else(|| known.take());
            }
        }
        Ok(())
    }

    /// Takes note of `--from=X` and of `from=X` in `--mount=…`.
    fn flag(&mut self, instruction: &Instruction, keyword: &str, word: Range<usize>) {
        let text = &instruction.text[word.clone()];
        let Some((flag, value)) = text.split_once('=') else { return };
        let start = word.end - value.len();
        let (name, from) = match (keyword, flag) {
            ("COPY", "--from") => ("COPY --from", start..word.end),
            ("RUN", "--mount") => {
                let mut at = start;
                let mut from = None;
                for field in value.split(',') {
                    if let Some((key, value)) = field.split_once('=')
                        && key.trim_start_matches('"').eq_ignore_ascii_case("from")
                    {
                        from = Some(at + field.len() - value.len()..at + field.len());
                    }
                    at += field.len() + 1;
                }
                let Some(from) = from else { return };
                ("RUN --mount", from)
            }
            _ => return,
        };
        self.uses.push((format!("{}{name}", self.stage()), Word::of(instruction, from)));
    }

    fn finish(mut self) -> Result<(), TargetError> {
        for (path, word) in std::mem::take(&mut self.uses) {
            let is_number = !word.text.is_empty() && word.text.bytes().all(|byte| byte.is_ascii_digit());
            if !is_number {
                self.base(&path, word)?;
            }
        }
        Ok(())
    }
}

impl Word {
    fn of(instruction: &Instruction, range: Range<usize>) -> Self {
        let at = instruction.start;
        let raw = &instruction.text[range.clone()];
        match unquoted(raw, instruction.escape) {
            Some(inside) => {
                let range = range.start + inside.start..range.start + inside.end;
                Self { text: instruction.text[range.clone()].to_owned(), span: instruction.span(range), at }
            }
            None => Self { text: raw.to_owned(), span: None, at },
        }
    }

    fn whereabouts(&self) -> Range<usize> {
        self.span.clone().unwrap_or(self.at..self.at)
    }
}

/// Returns the name in a text that is nothing but `$NAME`, `${NAME}`, or one of these with a default (`${NAME:-default}`),
/// and where the default is.
fn variable(text: &str) -> Option<(&str, Option<Range<usize>>)> {
    let is_name =
        |name: &str| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    let bare = text.strip_prefix('$')?;
    let Some(inside) = bare.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) else {
        return is_name(bare).then_some((bare, None));
    };
    let end = inside.find([':', '-']).unwrap_or(inside.len());
    let (name, modifier) = inside.split_at(end);
    let default = modifier.strip_prefix(":-").or_else(|| modifier.strip_prefix('-'));
    match default {
        _ if !is_name(name) => None,
        None => modifier.is_empty().then_some((name, None)),
        // `${A:-${B}}` depends on more than one argument.
        Some(default) if default.contains(['$', '{', '}']) => None,
        Some(default) => Some((name, Some(text.len() - 1 - default.len()..text.len() - 1))),
    }
}
