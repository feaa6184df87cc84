//! Patterns of one text: of a tag, of a repository, of a name in a path.
//!
//! | in a pattern | stands for |
//! |---|---|
//! | `*` | any characters |
//! | `?` | one character |
//! | `[abc]`, `[a-c]`, `[!abc]` | one character of these, or none of these |
//!
//! What has a meaning here stands for itself in brackets: `[*]`. No character of the text is special: what separates the names of a path
//! or hides one is said by who asks.

/// A pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Glob {
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Character(char),
    Any,
    One,
    OneOf { ranges: Vec<(char, char)>, inverted: bool },
}

impl Glob {
    /// Reads a pattern, of any length.
    ///
    /// # Errors
    /// What is wrong with it, as in "has a `[` without its `]`".
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let mut parts = Vec::new();
        let mut rest = text.chars();
        while let Some(character) = rest.next() {
            parts.push(match character {
                // Two of them say no more than one.
                '*' if parts.last() == Some(&Part::Any) => continue,
                '*' => Part::Any,
                '?' => Part::One,
                '{' => return Err("has a `{`; alternatives are patterns of their own"),
                '\\' => return Err("has a `\\`; write `/` between names, and brackets around what stands for itself"),
                '[' => one_of(&mut rest)?,
                character => Part::Character(character),
            });
        }
        Ok(Self { parts })
    }

    /// Returns the text if the pattern stands for one alone.
    pub fn literal(&self) -> Option<String> {
        self.parts.iter().map(Part::single).collect()
    }

    /// Tells whether the pattern says with which character a text begins, without a wildcard.
    pub fn begins_with(&self, character: char) -> bool {
        self.parts.first() == Some(&Part::Character(character))
    }

    /// Tells whether all of a text is as the pattern says. Goes back to the last `*` alone, so the work is bounded by both lengths' product.
    pub fn matches(&self, text: &str) -> bool {
        let (parts, text) = (&self.parts, text.chars().collect::<Vec<char>>());
        let (mut part, mut at) = (0, 0);
        let mut star: Option<(usize, usize)> = None;
        while let Some(character) = text.get(at) {
            match parts.get(part) {
                Some(Part::Any) => {
                    star = Some((part, at));
                    part += 1;
                }
                Some(one) if one.takes(*character) => (part, at) = (part + 1, at + 1),
                _ => match &mut star {
                    Some((any, from)) => {
                        *from += 1;
                        (part, at) = (*any + 1, *from);
                    }
                    None => return false,
                },
            }
        }
        parts.iter().skip(part).all(|part| *part == Part::Any)
    }
}

impl Part {
    fn single(&self) -> Option<char> {
        match self {
            Self::Character(character) => Some(*character),
            Self::OneOf { ranges, inverted: false } => match ranges[..] {
                [(first, last)] if first == last => Some(first),
                _ => None,
            },
            _ => None,
        }
    }

    fn takes(&self, character: char) -> bool {
        match self {
            Self::Character(own) => *own == character,
            Self::Any | Self::One => true,
            Self::OneOf { ranges, inverted } => {
                ranges.iter().any(|(first, last)| (*first..=*last).contains(&character)) != *inverted
            }
        }
    }
}

/// Returns a pattern that stands for this text alone.
pub fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '*' | '?' | '[' | '{' | '\\' => escaped.extend(['[', character, ']']),
            _ => escaped.push(character),
        }
    }
    escaped
}

/// Reads what stands between brackets, of which the first has been read.
fn one_of(rest: &mut std::str::Chars<'_>) -> Result<Part, &'static str> {
    const OPEN: &str = "has a `[` without its `]`";
    let inverted = rest.as_str().starts_with('!');
    if inverted {
        rest.next();
    }
    let mut ranges = Vec::new();
    loop {
        match rest.next().ok_or(OPEN)? {
            // In the first place it stands for itself.
            ']' if !ranges.is_empty() => return Ok(Part::OneOf { ranges, inverted }),
            first => {
                let mut ahead = rest.clone();
                let last = match (ahead.next(), ahead.next()) {
                    (Some('-'), Some(last)) if last != ']' => {
                        *rest = ahead;
                        last
                    }
                    _ => first,
                };
                ranges.push((first, last));
            }
        }
    }
}
