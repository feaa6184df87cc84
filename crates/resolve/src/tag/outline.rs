//! What of a tag is its version and what is not.

use super::token::{Form, Token};
use super::words;
use crate::version::{Stage, Version};

/// A tag with a version in it.
#[derive(Clone, Debug)]
pub(super) struct Outline {
    pub(super) version: Version,
    pub(super) form: Form,
    /// Words before the version.
    pub(super) before: Vec<String>,
    /// What stands after the version and its stage.
    pub(super) after: Vec<Part>,
    /// Whether `git describe` has counted commits from the version: `-63-gabcdef1`.
    pub(super) is_described: bool,
    /// The word of a stage without a number, which may be the name of a variant: `dev`, `alpha`.
    pub(super) bare_stage: Option<String>,
}

/// A part of a tag after its version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// A word: a variant, or a part of one.
    Word(String),
    /// Numbers of their own, perhaps after a word: a build of this version, or the version of something else.
    Numbers(Option<String>, Vec<u64>),
}

/// Finds the version among the tokens of a tag; `None` when there is none.
pub(super) fn outline(tokens: &[Token]) -> Option<Outline> {
    let place = tokens.iter().position(|token| matches!(token, Token::Version { .. }))?;
    let Token::Version { version, form } = &tokens[place] else { return None };
    let mut outline = Outline {
        version: version.clone(),
        form: *form,
        before: Vec::new(),
        after: Vec::new(),
        bare_stage: None,
        is_described: matches!(&tokens[place + 1..], [Token::Version { form: Form::Integer, .. }, Token::Hash, ..]),
    };
    for token in &tokens[..place] {
        match token {
            Token::Word(word) => outline.before.push(word.clone()),
            Token::Stage { stage, numbers, .. } => outline.announce(*stage, numbers.clone()),
            Token::Revision { word, number } => outline.before.push(format!("{word}{number}")),
            // The first version is the one at `place`.
            Token::Version { .. } | Token::Final | Token::Hash | Token::Metadata => {}
        }
    }
    let mut rest = tokens[place + 1..].iter().peekable();
    while let Some(token) = rest.next() {
        match token {
            Token::Stage { stage, numbers, word } => {
                let mut numbers = numbers.clone();
                if let (true, Some(Token::Version { version, form: Form::Integer | Form::Date })) =
                    (numbers.is_empty(), rest.peek())
                {
                    // `rc-1`
                    numbers.clone_from(&version.numbers);
                    rest.next();
                }
                if numbers.is_empty() && outline.version.is_prerelease() {
                    // `beta1-alpha`: it has a stage already.
                    outline.after.push(Part::Word(word.clone()));
                    continue;
                }
                if numbers.is_empty() {
                    outline.bare_stage = Some(word.clone());
                }
                outline.announce(*stage, numbers);
            }
            Token::Revision { number, .. } => outline.version.revision.push(*number),
            Token::Word(word) => match rest.peek() {
                Some(Token::Version { version, form }) if *form != Form::Date || words::is_codename(word) => {
                    outline.after.push(Part::Numbers(Some(word.clone()), version.numbers.clone()));
                    rest.next();
                }
                _ => outline.after.push(Part::Word(word.clone())),
            },
            Token::Version { version, form: Form::Date } => outline.version.revision.extend(&version.numbers),
            Token::Version { version, .. } => outline.after.push(Part::Numbers(None, version.numbers.clone())),
            Token::Final | Token::Hash | Token::Metadata => {}
        }
    }
    Some(outline)
}

impl Outline {
    fn announce(&mut self, stage: Stage, numbers: Vec<u64>) {
        (self.version.stage, self.version.stage_numbers) = (stage, numbers);
    }

    /// Returns everything but the version, by which tags of one kind are gathered. Numbers of their own are a `#`.
    pub(super) fn skeleton(&self) -> String {
        let parts = self.after.iter().map(|part| match part {
            Part::Word(word) => word.clone(),
            Part::Numbers(Some(word), _) => format!("{word}-#"),
            Part::Numbers(None, _) => "#".to_owned(),
        });
        self.before.iter().cloned().chain([self.form.place().to_owned()]).chain(parts).collect::<Vec<_>>().join("-")
    }
}
