//! Transcripts in documents, and what makes those of two runs alike.

/// Returns a file of the repository.
pub(crate) fn repository_file(name: &str) -> String {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Returns the text of the first block of a language.
pub(crate) fn block<'t>(text: &'t str, language: &str) -> &'t str {
    let block = text.split(&format!("\n```{language}\n")).nth(1).and_then(|rest| rest.split("\n```").next());
    block.unwrap_or_else(|| panic!("there is no block of {language}"))
}

/// Returns a transcript with what depends on the ports of a run taken out: an application names the registries of its images, so its
/// digest is another where they listen elsewhere, and a table is wider where a port has more digits.
pub(crate) fn without_ports(transcript: &str, registries: &[(&str, &str)]) -> String {
    let named = registries.iter().fold(transcript.to_owned(), |text, (address, name)| text.replace(address, name));
    let line = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().map(without_application_digest).collect();
        words.join(" ") + "\n"
    };
    named.lines().map(line).collect()
}

fn without_application_digest(word: &str) -> &str {
    match word.split_once("@sha256:") {
        Some((name, _)) if name.contains("/apps/") => name,
        _ => word,
    }
}
