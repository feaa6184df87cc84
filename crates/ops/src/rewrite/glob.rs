//! Patterns of paths: `deploy/**/*.yaml`.

use std::iter;

/// Most bytes of a pattern.
const PATTERN_MAX_BYTES: usize = 1024;

/// A pattern of paths, with `/` between its steps.
///
/// | in a pattern | stands for |
/// |---|---|
/// | `**` as a step | any number of directories, none included |
/// | `*` | any characters of one name |
/// | `?` | one character of a name |
/// | `[abc]`, `[a-c]`, `[!abc]` | one character of these, or none of these |
///
/// A wildcard at the beginning of a step takes no name that begins with a dot, as in a shell. What has a meaning here stands
/// for itself in brackets: `[*]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Glob {
    steps: Vec<Step>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    /// Any number of directories.
    Directories,
    Name(Vec<Part>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Character(char),
    Any,
    One,
    OneOf { ranges: Vec<(char, char)>, inverted: bool },
}

/// How far names have led into a pattern: the steps that may come next, in their order.
pub(crate) type Reached = Vec<usize>;

impl Glob {
    /// Reads a pattern.
    ///
    /// # Errors
    /// What is wrong with it, as in "leaves the project".
    pub(crate) fn parse(text: &str) -> Result<Self, &'static str> {
        if text.len() > PATTERN_MAX_BYTES {
            return Err("is longer than 1024 bytes");
        }
        if text.starts_with('/') {
            return Err("is not relative to the project");
        }
        let mut steps = Vec::new();
        for step in text.split('/') {
            match step {
                "" => return Err("has a step without a name"),
                "." => {}
                ".." => return Err("leaves the project"),
                // Two of them say no more than one.
                "**" if steps.last() == Some(&Step::Directories) => {}
                "**" => steps.push(Step::Directories),
                name => steps.push(Step::Name(parts(name)?)),
            }
        }
        match steps.last() {
            None => Err("names no file"),
            Some(Step::Directories) => Err("ends with `**`, which stands for directories; write `**/*`"),
            Some(Step::Name(_)) => Ok(Self { steps }),
        }
    }

    /// Returns the path if the pattern stands for one alone.
    pub(crate) fn literal(&self) -> Option<String> {
        let name = |step: &Step| match step {
            Step::Directories => None,
            Step::Name(parts) => parts
                .iter()
                .map(|part| match part {
                    Part::Character(character) => Some(*character),
                    _ => part.single(),
                })
                .collect::<Option<String>>(),
        };
        Some(self.steps.iter().map(name).collect::<Option<Vec<_>>>()?.join("/"))
    }

    /// Returns where a pattern begins.
    pub(crate) fn start(&self) -> Reached {
        self.skipped([0])
    }

    /// Returns what is reached when a directory of this name is entered; nothing when no file below it can match.
    pub(crate) fn enter(&self, reached: &[usize], name: &str) -> Reached {
        let next = reached.iter().filter_map(|at| match self.steps.get(*at) {
            // It may stand for this directory and for more.
            Some(Step::Directories) if !name.starts_with('.') => Some(*at),
            Some(Step::Name(parts)) if at + 1 < self.steps.len() && matches(parts, name) => Some(at + 1),
            _ => None,
        });
        self.skipped(next)
    }

    /// Tells whether a file of this name matches.
    pub(crate) fn takes(&self, reached: &[usize], name: &str) -> bool {
        reached.iter().any(|at| {
            let is_last = at + 1 == self.steps.len();
            is_last && matches!(self.steps.get(*at), Some(Step::Name(parts)) if matches(parts, name))
        })
    }

    /// Adds the steps after those that may stand for nothing.
    fn skipped(&self, reached: impl IntoIterator<Item = usize>) -> Reached {
        let mut all: Reached = reached
            .into_iter()
            .flat_map(|at| {
                let next = (self.steps.get(at) == Some(&Step::Directories)).then_some(at + 1);
                iter::once(at).chain(next)
            })
            .collect();
        all.sort_unstable();
        all.dedup();
        all
    }
}

impl Part {
    fn single(&self) -> Option<char> {
        match self {
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

/// Returns a pattern that stands for this path alone.
pub(crate) fn escaped(path: &str) -> String {
    let mut escaped = String::with_capacity(path.len());
    for character in path.chars() {
        match character {
            '*' | '?' | '[' | '{' => escaped.extend(['[', character, ']']),
            _ => escaped.push(character),
        }
    }
    escaped
}

fn parts(name: &str) -> Result<Vec<Part>, &'static str> {
    let mut parts = Vec::new();
    let mut rest = name.chars();
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
    Ok(parts)
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

/// Tells whether a name is as the parts say. Goes back to the last `*` alone, so the work is bounded by both lengths' product.
fn matches(parts: &[Part], name: &str) -> bool {
    let is_hidden = name.starts_with('.');
    if is_hidden && !matches!(parts.first(), Some(Part::Character('.'))) {
        return false;
    }
    let name: Vec<char> = name.chars().collect();
    let (mut part, mut at) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while at < name.len() {
        match parts.get(part) {
            Some(Part::Any) => {
                star = Some((part, at));
                part += 1;
            }
            Some(one) if one.takes(name[at]) => (part, at) = (part + 1, at + 1),
            _ => match &mut star {
                Some((any, from)) => {
                    *from += 1;
                    (part, at) = (*any + 1, *from);
                }
                None => return false,
            },
        }
    }
    parts[part..].iter().all(|part| *part == Part::Any)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn takes(pattern: &str, path: &str) -> bool {
        let glob = Glob::parse(pattern).unwrap_or_else(|why| panic!("{pattern} {why}"));
        let mut reached = glob.start();
        let (directories, name) = path.rsplit_once('/').unwrap_or(("", path));
        for directory in directories.split('/').filter(|name| !name.is_empty()) {
            reached = glob.enter(&reached, directory);
        }
        glob.takes(&reached, name)
    }

    #[test]
    fn paths_match_as_in_a_shell() {
        for (pattern, path) in [
            ("compose.yaml", "compose.yaml"),
            ("./compose.yaml", "compose.yaml"),
            ("*.yaml", "a.yaml"),
            ("deploy/**/*.yaml", "deploy/a.yaml"),
            ("deploy/**/*.yaml", "deploy/x/y/a.yaml"),
            ("**/Dockerfile", "Dockerfile"),
            ("**/Dockerfile", "a/b/Dockerfile"),
            ("**/**/a/**/b", "a/a/b"),
            ("**/a/*/b", "a/a/x/b"),
            ("a?[bc][!d][x-z]", "aabey"),
            (".github/*.yml", ".github/a.yml"),
            ("[*]", "*"),
            ("*a*b*c", "xaybbzc"),
            ("ü*", "üx"),
        ] {
            assert!(takes(pattern, path), "{pattern} {path}");
        }
        for (pattern, path) in [
            ("*.yaml", "a/b.yaml"),
            ("*", ".hidden"),
            ("**/a", ".git/a"),
            ("?a", ".a"),
            ("[.]a", ".a"),
            ("deploy/**/*.yaml", "x/deploy/a.yaml"),
            ("a/b", "a"),
            ("a*b*c", "abcd"),
            ("[!a]", "a"),
        ] {
            assert!(!takes(pattern, path), "{pattern} {path}");
        }
    }

    #[test]
    fn patterns_that_leave_the_project_or_make_no_sense_are_refused() {
        for pattern in ["", "/etc/passwd", "../a", "a/../b", "a//b", "a/**", "a/", "{a,b}", "[a", "a\\b", ".", "[]"] {
            assert!(Glob::parse(pattern).is_err(), "{pattern}");
        }
        assert!(Glob::parse(&"a".repeat(1025)).is_err());
    }

    #[test]
    fn a_path_that_is_escaped_stands_for_itself() {
        for path in ["a/b.yaml", "we[i]rd/*?{x}", "-", "a]b"] {
            let glob = Glob::parse(&escaped(path)).unwrap();
            assert_eq!(glob.literal().as_deref(), Some(path));
            assert!(takes(&escaped(path), path), "{path}");
        }
        assert_eq!(Glob::parse("a/*").unwrap().literal(), None);
    }

    #[test]
    fn many_stars_take_no_long_time() {
        let pattern = "*a".repeat(500);
        assert!(!takes(&pattern, &"a".repeat(255)));
        let deep = "**/a/".repeat(100) + "b";
        assert!(!takes(&deep, &("a/".repeat(100) + "c")));
    }
}
