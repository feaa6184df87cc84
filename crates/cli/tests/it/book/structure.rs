//! Pages and the links between them.

use std::collections::BTreeSet;

use super::page::{Page, page, pages, source};

/// Returns the targets of the links on a page.
fn links(page: &Page) -> Vec<String> {
    let mut links = Vec::new();
    for line in page.prose() {
        let mut rest = line;
        while let Some((_, after)) = rest.split_once("](") {
            let (target, after) = after.split_once(')').unwrap();
            links.push(target.to_owned());
            rest = after;
        }
    }
    links
}

/// Returns the anchors of a page's headings, as mdBook makes them.
fn anchors(page: &Page) -> BTreeSet<String> {
    let headings = page.prose().filter(|line| line.starts_with('#'));
    let anchor = |heading: &str| -> String {
        let text = heading.trim_start_matches('#').trim();
        let kept = text.chars().filter(|letter| letter.is_alphanumeric() || matches!(letter, ' ' | '-' | '_'));
        kept.map(|letter| if letter == ' ' { '-' } else { letter.to_ascii_lowercase() }).collect()
    };
    headings.map(anchor).collect()
}

#[test]
fn the_summary_names_every_page_once() {
    let summary = page("SUMMARY.md");
    let named = links(&summary);
    let there: BTreeSet<String> =
        pages().into_iter().map(|page| page.name).filter(|name| *name != summary.name).collect();
    assert_eq!(named.iter().cloned().collect::<BTreeSet<_>>(), there);
    assert_eq!(named.len(), there.len(), "{named:?}");
}

#[test]
fn every_link_inside_the_book_leads_somewhere() {
    let all = pages();
    let mut count = 0;
    for from in &all {
        for link in links(from) {
            if link.starts_with("https://") {
                continue;
            }
            count += 1;
            let (file, anchor) = link.split_once('#').map_or((link.as_str(), None), |(file, at)| (file, Some(at)));
            let file = match from.name.split_once('/') {
                _ if file.is_empty() => from.name.clone(),
                Some((directory, _)) => format!("{directory}/{file}"),
                None => file.to_owned(),
            };
            let to = all.iter().find(|page| page.name == file);
            let to = to.unwrap_or_else(|| panic!("{}: there is no page for {link}", from.name));
            if let Some(anchor) = anchor {
                assert!(anchors(to).contains(anchor), "{}: there is no heading for {link}", from.name);
            }
        }
    }
    assert!(count > 20, "{count} links");
}

#[test]
fn every_format_is_a_page() {
    let pages: BTreeSet<String> = pages().into_iter().map(|page| page.name).collect();
    let files = std::fs::read_dir(source().join("../../formats")).unwrap().map(|entry| entry.unwrap().path());
    let missing: Vec<_> = files
        .filter(|path| path.extension().is_some_and(|extension| extension == "md"))
        .filter(|path| !pages.contains(&format!("formats/{}", path.file_name().unwrap().to_str().unwrap())))
        .collect();
    assert!(missing.is_empty(), "not in the book: {missing:?}");
}

#[test]
fn every_page_begins_with_its_title() {
    for page in pages().iter().filter(|page| page.name != "SUMMARY.md") {
        assert!(page.text.starts_with("# "), "{}", page.name);
        assert_eq!(page.prose().filter(|line| line.starts_with("# ")).count(), 1, "{}", page.name);
        assert_eq!(page.text.lines().filter(|line| line.starts_with("```")).count() % 2, 0, "{}", page.name);
    }
}
