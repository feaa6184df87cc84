//! The pages of the book, as text.

use std::path::{Path, PathBuf};

/// A page: a Markdown file below the book's source.
pub(super) struct Page {
    /// Its path below the book's source.
    pub(super) name: String,
    /// Its text.
    pub(super) text: String,
}

/// A block of code.
pub(super) struct Block {
    /// What is said of it in a comment on the line above.
    pub(super) mark: Option<String>,
    /// Its language.
    pub(super) language: String,
    /// The number of its first line in the page, from 1.
    pub(super) line: usize,
    /// Its text.
    pub(super) text: String,
}

/// Returns the book's source.
pub(super) fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/book/src")
}

/// Returns a page by its path below the source, with what it includes.
pub(super) fn page(name: &str) -> Page {
    let path = source().join(name);
    let text = read(&path);
    let included = text.lines().map(|line| {
        let place = line.strip_prefix("{{#include ").and_then(|line| line.strip_suffix("}}"));
        place.map_or_else(|| text_of([line]), |place| include(&path, place))
    });
    Page { name: name.to_owned(), text: included.collect() }
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Returns the file that a page includes, or the part of it between comments that name an anchor, as mdBook does.
fn include(page: &Path, place: &str) -> String {
    let (file, anchor) = place.split_once(':').map_or((place, None), |(file, anchor)| (file, Some(anchor)));
    let text = read(&page.parent().unwrap().join(file));
    let Some(anchor) = anchor else { return text };
    let part = text.split_once(&format!("<!-- ANCHOR: {anchor} -->\n")).and_then(|(_, part)| {
        let end = format!("<!-- ANCHOR_END: {anchor} -->\n");
        Some(part.split_once(&end)?.0)
    });
    part.unwrap_or_else(|| panic!("{file} has no part {anchor}")).to_owned()
}

/// Returns every page, in the order of their names.
pub(super) fn pages() -> Vec<Page> {
    let below = |directory: PathBuf| std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> = below(source()).chain(below(source().join("formats"))).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "md"));
    files.sort();
    files.iter().map(|path| page(path.strip_prefix(source()).unwrap().to_str().unwrap())).collect()
}

/// Returns lines as text, a line feed behind each.
pub(super) fn text_of<'a>(lines: impl IntoIterator<Item = &'a str>) -> String {
    lines.into_iter().flat_map(|line| [line, "\n"]).collect()
}

/// Returns what a line says as a comment.
pub(super) fn comment(line: &str) -> Option<&str> {
    Some(line.strip_prefix("<!--")?.strip_suffix("-->")?.trim())
}

impl Page {
    /// Returns the lines that are no code.
    pub(super) fn prose(&self) -> impl Iterator<Item = &str> {
        let mut in_code = false;
        self.text.lines().filter(move |line| {
            let is_fence = line.starts_with("```");
            in_code ^= is_fence;
            !in_code && !is_fence
        })
    }

    /// Returns the blocks of code.
    pub(super) fn blocks(&self) -> Vec<Block> {
        let mut blocks = Vec::new();
        let mut lines = self.text.lines().enumerate();
        let mut mark = None;
        while let Some((number, line)) = lines.next() {
            if let Some(language) = line.strip_prefix("```") {
                let code = lines.by_ref().map(|(_, line)| line).take_while(|line| !line.starts_with("```"));
                let text = text_of(code);
                blocks.push(Block { mark: mark.take(), language: language.to_owned(), line: number + 2, text });
            }
            mark = comment(line).map(str::to_owned);
        }
        blocks
    }

    /// Returns the text below a heading, up to the next one of its level or above.
    pub(super) fn section(&self, heading: &str) -> String {
        let level = heading.bytes().take_while(|byte| *byte == b'#').count();
        let ends = |line: &&str| {
            let hashes = line.bytes().take_while(|byte| *byte == b'#').count();
            !(1..=level).contains(&hashes) || !line[hashes..].starts_with(' ')
        };
        let mut lines = self.prose().skip_while(|line| *line != heading);
        assert!(lines.next().is_some(), "{} has no heading {heading:?}", self.name);
        text_of(lines.take_while(ends))
    }
}

/// Returns the cells of every row of the tables in a text, without their heads.
pub(super) fn rows(text: &str) -> Vec<Vec<String>> {
    let lines: Vec<&str> = text.lines().collect();
    let is_rule = |line: &&str| line.starts_with("|--");
    assert!(lines.iter().any(is_rule), "there is no table in:\n{text}");
    let is_row = |place: usize| {
        let line = lines[place];
        line.starts_with('|') && !is_rule(&line) && !lines.get(place + 1).is_some_and(is_rule)
    };
    (0..lines.len()).filter(|place| is_row(*place)).map(|place| cells(lines[place])).collect()
}

/// Returns the cells of a row. A `\|` is no end of one.
fn cells(row: &str) -> Vec<String> {
    const ESCAPED: &str = "\u{1}";
    let inner = row.trim_start_matches("| ").trim_end_matches(" |").replace("\\|", ESCAPED);
    inner.split(" | ").map(|cell| cell.trim().replace(ESCAPED, "|")).collect()
}

/// Returns code in a cell without its quotes.
pub(super) fn unquoted(cell: &str) -> Option<&str> {
    cell.strip_prefix('`')?.strip_suffix('`')
}
