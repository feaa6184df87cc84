//! Files in which the references are marked (fixtures/README.md).

use std::ops::Range;

use oci::RegistryReference;
use targets::{Kind, Options, Place, Write};

/// A file without its marks, and what they said.
#[derive(Clone, Debug, Default)]
pub(crate) struct Marked {
    pub(crate) text: String,
    pub(crate) marks: Vec<Mark>,
    /// What is found and left alone.
    pub(crate) skipped: Vec<Range<usize>>,
}

/// A marked run of bytes.
#[derive(Clone, Debug)]
pub(crate) struct Mark {
    pub(crate) span: Range<usize>,
    pub(crate) role: Role,
    /// Which split reference it belongs to.
    pub(crate) group: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Whole,
    Registry,
    Name,
    Tag,
    Digest,
    Hex,
}

impl Marked {
    /// Takes the marks out of a text.
    pub(crate) fn parse(text: &str) -> Self {
        let mut marked = Self::default();
        for piece in text.split_inclusive(['»', '›']) {
            let Some(open) = piece.find(['«', '‹']) else {
                marked.text.push_str(piece);
                continue;
            };
            let (before, rest) = piece.split_at(open);
            marked.text.push_str(before);
            let is_skipped = rest.starts_with('‹');
            let inside = rest.trim_start_matches(['«', '‹']).trim_end_matches(['»', '›']);
            if is_skipped {
                marked.skip(inside);
            } else {
                let (role, group, inside) = role(inside);
                marked.mark(role, group, inside);
            }
        }
        marked
    }

    pub(crate) fn push(&mut self, text: &str) {
        self.text.push_str(text);
    }

    pub(crate) fn mark(&mut self, role: Role, group: usize, text: &str) {
        let start = self.text.len();
        self.text.push_str(text);
        self.marks.push(Mark { span: start..self.text.len(), role, group });
    }

    pub(crate) fn skip(&mut self, text: &str) {
        let start = self.text.len();
        self.text.push_str(text);
        self.skipped.push(start..self.text.len());
    }

    /// Returns the same file with a change to its text that moves no mark past another.
    fn shifted(&self, text: String, moved: impl Fn(usize) -> usize) -> Self {
        let moved = |span: &Range<usize>| moved(span.start)..moved(span.end);
        let marks = self.marks.iter().map(|mark| Mark { span: moved(&mark.span), ..mark.clone() }).collect();
        Self { text, marks, skipped: self.skipped.iter().map(moved).collect() }
    }

    /// Returns the file as it is, with CRLF, with a byte order mark, and without its final newline.
    pub(crate) fn variants(&self) -> Vec<(&'static str, Self)> {
        let newlines = |at: usize| at + self.text[..at].matches('\n').count();
        let mut variants = vec![
            ("as it is", self.clone()),
            ("with CRLF", self.shifted(self.text.replace('\n', "\r\n"), newlines)),
            ("with a byte order mark", self.shifted(format!("\u{feff}{}", self.text), |at| at + 3)),
        ];
        let cut = self.text.trim_end_matches('\n').len();
        if self.marks.iter().map(|mark| &mark.span).chain(&self.skipped).all(|span| span.end <= cut) {
            variants.push(("without its final newline", self.shifted(self.text[..cut].to_owned(), |at| at)));
        }
        variants
    }

    /// Asserts that `find` returns exactly what is marked.
    pub(crate) fn assert_found(&self, kind: Kind, options: &Options, name: &str) -> Vec<Place> {
        let places = match targets::find(kind, options, self.text.as_bytes()) {
            Ok(places) => places,
            Err(error) => panic!("{name}: {error}\n{}", self.text),
        };
        let shown = |spans: &[Range<usize>]| -> Vec<String> {
            spans.iter().map(|span| format!("{span:?} {}", &self.text[span.clone()])).collect()
        };
        let mut found: Vec<_> = places.iter().filter(|place| place.image().is_some()).flat_map(Place::spans).collect();
        found.sort_by_key(|span| (span.start, span.end));
        found.dedup();
        let marked: Vec<_> = self.marks.iter().map(|mark| mark.span.clone()).collect();
        assert_eq!(shown(&found), shown(&marked), "{name}: references");
        let skipped: Vec<_> =
            places.iter().filter(|place| place.image().is_none()).map(|place| place.span.clone()).collect();
        assert_eq!(shown(&skipped), shown(&self.skipped), "{name}: left alone");
        for place in &places {
            let before = self.text[..place.span.start].trim_start_matches('\u{feff}');
            let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
            let position = (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1);
            assert_eq!((place.line, place.column), position, "{name}: {}", place.path);
        }
        places
    }

    /// Returns the text that has to come out when every reference is replaced. `new` names the reference for each split
    /// group, or for each whole mark by its position among them.
    pub(crate) fn expected(&self, write: Write, new: impl Fn(Role, usize) -> RegistryReference) -> String {
        let has = |group: usize, role: Role| self.marks.iter().any(|mark| mark.group == group && mark.role == role);
        let mut text = String::new();
        let mut at = 0;
        for (position, mark) in self.marks.iter().enumerate() {
            text.push_str(&self.text[at..mark.span.start]);
            at = mark.span.end;
            let before = &self.text[mark.span.clone()];
            let reference = new(mark.role, if mark.role == Role::Whole { position } else { mark.group });
            let (tag, digest) = (reference.selector.tag.clone().unwrap(), reference.selector.digest.unwrap());
            let has_digest = has(mark.group, Role::Digest) || has(mark.group, Role::Hex);
            let replacement = match (mark.role, write) {
                (Role::Whole, Write::TagAndDigest) if self.is_feature(mark) => {
                    format!("{}/{}@{digest}", reference.host, reference.repository)
                }
                (Role::Whole, Write::Tag) => format!("{}/{}:{tag}", reference.host, reference.repository),
                (Role::Whole, Write::Digest) => format!("{}/{}@{digest}", reference.host, reference.repository),
                (Role::Whole, Write::TagAndDigest) => reference.to_string(),
                (Role::Registry, _) => reference.host.to_string(),
                (Role::Name, _) if has(mark.group, Role::Registry) => reference.repository.to_string(),
                (Role::Name, _) => format!("{}/{}", reference.host, reference.repository),
                (Role::Tag, Write::TagAndDigest) if !has_digest => format!("{tag}@{digest}"),
                // An empty tag stands for what a chart is made for.
                (Role::Tag, Write::Digest) if matches!(before, "" | "~" | "null") => before.to_owned(),
                (Role::Tag, _) => tag.to_string(),
                // What is empty is not emptied, and what is nothing stays nothing.
                (Role::Digest | Role::Hex, Write::Tag) if matches!(before, "" | "~" | "null") => before.to_owned(),
                (Role::Digest | Role::Hex, Write::Tag) if self.is_quoted(mark) => String::new(),
                (Role::Digest | Role::Hex, Write::Tag) => "\"\"".to_owned(),
                (Role::Digest, _) => digest.to_string(),
                (Role::Hex, _) => digest.encoded(),
            };
            if before.is_empty() && self.text[..mark.span.start].ends_with(':') && !replacement.is_empty() {
                text.push(' ');
            }
            text.push_str(&replacement);
        }
        text.push_str(&self.text[at..]);
        text
    }

    fn is_quoted(&self, mark: &Mark) -> bool {
        // A block scalar needs no quotes either.
        let before = &self.text[..mark.span.start];
        let is_block = [">-", "|-"].iter().any(|header| before.trim_end().ends_with(header));
        is_block || before.ends_with(['"', '\''])
    }

    /// The keys of `features` take no tag beside a digest.
    fn is_feature(&self, mark: &Mark) -> bool {
        self.text[mark.span.end..].starts_with("\":")
    }
}

fn role(inside: &str) -> (Role, usize, &str) {
    let Some((head, rest)) = inside.split_once('|') else { return (Role::Whole, 0, inside) };
    let role = match &head[..1] {
        "r" => Role::Registry,
        "n" => Role::Name,
        "t" => Role::Tag,
        "d" => Role::Digest,
        "h" => Role::Hex,
        other => panic!("no role `{other}`"),
    };
    (role, head[1..].parse().unwrap(), rest)
}
