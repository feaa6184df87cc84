//! Patterns of paths: `deploy/**/*.yaml`.

use std::iter;

use resolve::glob::Glob;

/// Most bytes of a pattern.
const PATTERN_MAX_BYTES: usize = 1024;

/// A pattern of paths, with `/` between its steps: each is a [`Glob`] of one name, or `**`, which stands for any number of directories,
/// none included. A wildcard at the beginning of a step takes no name that begins with a dot, as in a shell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PathGlob {
    steps: Vec<Step>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    /// Any number of directories.
    Directories,
    Name(Glob),
}

/// How far names have led into a pattern: the steps that may come next, in their order.
pub(crate) type Reached = Vec<usize>;

impl PathGlob {
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
                name => steps.push(Step::Name(Glob::parse(name)?)),
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
            Step::Name(name) => name.literal(),
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
            Some(Step::Name(glob)) if at + 1 < self.steps.len() && matches(glob, name) => Some(at + 1),
            _ => None,
        });
        self.skipped(next)
    }

    /// Tells whether a file of this name matches.
    pub(crate) fn takes(&self, reached: &[usize], name: &str) -> bool {
        reached.iter().any(|at| {
            let is_last = at + 1 == self.steps.len();
            is_last && matches!(self.steps.get(*at), Some(Step::Name(glob)) if matches(glob, name))
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

/// Tells whether a name matches. Those that begin with a dot are hidden from wildcards.
fn matches(glob: &Glob, name: &str) -> bool {
    (!name.starts_with('.') || glob.begins_with('.')) && glob.matches(name)
}

#[cfg(test)]
mod tests {
    use resolve::glob::escaped;

    use super::*;

    fn takes(pattern: &str, path: &str) -> bool {
        let glob = PathGlob::parse(pattern).unwrap_or_else(|why| panic!("{pattern} {why}"));
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
            assert!(PathGlob::parse(pattern).is_err(), "{pattern}");
        }
        assert!(PathGlob::parse(&"a".repeat(1025)).is_err());
    }

    #[test]
    fn a_path_that_is_escaped_stands_for_itself() {
        for path in ["a/b.yaml", "we[i]rd/*?{x}", "-", "a]b"] {
            let glob = PathGlob::parse(&escaped(path)).unwrap();
            assert_eq!(glob.literal().as_deref(), Some(path));
            assert!(takes(&escaped(path), path), "{path}");
        }
        assert_eq!(PathGlob::parse("a/*").unwrap().literal(), None);
    }

    #[test]
    fn many_stars_take_no_long_time() {
        let pattern = "*a".repeat(500);
        assert!(!takes(&pattern, &"a".repeat(255)));
        let deep = "**/a/".repeat(100) + "b";
        assert!(!takes(&deep, &("a/".repeat(100) + "c")));
    }
}
