//! Projects, and changes to their files.

use std::fmt::Display;
use std::ops::Range;

use resolve::document::DocumentError;
use resolve::project::{Addition, FILE_NAME, Places, Project, ProjectFile, Sources, flat};
use resolve::{Requirement, Scheme};

use super::assert_printable;

/// Most changes to one file.
const CHANGES_MAX: usize = 16;

/// Most members of a workspace.
const MEMBERS_MAX: usize = 8;

/// Reads a project, and changes its file. After a zero byte come the changes, a letter and the number of an image each, then,
/// after another one, the version that is asked for.
///
/// | letter | change |
/// |---|---|
/// | `h`, `u` | holds the image, and no longer |
/// | `v` | asks for the version |
/// | `r` | takes the image out |
/// | `a` | adds an image |
///
/// What follows are the files of members of its workspace, which is not changed.
pub fn project(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let mut pieces = text.split('\0');
    let mut piece = || pieces.next().unwrap_or_default();
    let (text, changes, version) = (piece(), piece(), piece());
    let members: Vec<&str> = pieces.take(MEMBERS_MAX).collect();
    if !members.is_empty() {
        return workspace(text, &members);
    }
    let project = match Project::parse(text) {
        Ok(project) => project,
        Err(error) => {
            assert_shown(&error, error.place.clone(), text, &error.excerpt(FILE_NAME, text));
            assert_printable(&error.label);
            return assert_printable(&error.help.unwrap_or_default());
        }
    };
    let mut expected = without_places(project);
    let mut file = ProjectFile::parse(text).unwrap();
    assert_eq!(file.text(), text, "what was not changed is not the same");
    for change in changes.as_bytes().chunks_exact(2).take(CHANGES_MAX) {
        let names: Vec<String> = expected.images.keys().cloned().collect();
        let Some(name) = names.get(usize::from(change[1]) % names.len().max(1)) else { break };
        match change[0] {
            b'h' => hold(&mut file, &mut expected, name, true),
            b'u' => hold(&mut file, &mut expected, name, false),
            b'v' => set_version(&mut file, &mut expected, name, version),
            b'r' => remove(&mut file, &mut expected, name),
            _ => add(&mut file, &mut expected),
        }
        let text = file.text();
        match Project::parse(&text) {
            Ok(project) => assert_eq!(without_places(project), expected, "after {change:?}: {text}"),
            Err(error) => panic!("after {change:?}: {error}\n{}", error.excerpt(FILE_NAME, &text)),
        }
    }
}

/// Reads a workspace. As one file it says the same.
fn workspace(root: &str, members: &[&str]) {
    let mut sources = Sources::new(root.to_owned());
    for (number, text) in members.iter().enumerate() {
        sources.push(format!("apps/{number}"), (*text).to_owned());
    }
    let project = match Project::join(&sources) {
        Ok(project) => project,
        Err(error) => {
            let (file, place) = sources.locate(&error.place);
            let text = &sources.files()[file].text;
            let local = DocumentError { place: place.clone(), ..error.clone() };
            assert_shown(&error, place, text, &local.excerpt(FILE_NAME, text));
            if let Some((what, place)) = &error.related {
                let (file, place) = sources.locate(place);
                assert!(sources.files()[file].text.get(place).is_some(), "{what}: no part of the text");
            }
            return;
        }
    };
    for (name, image) in &project.images {
        let (file, place) = sources.locate(&image.places.name);
        assert!(sources.files()[file].text.get(place).is_some(), "{name} is no part of the text");
    }
    let one = flat(&sources).unwrap();
    let one = Project::parse(&one).unwrap_or_else(|error| panic!("{error}\n{}", error.excerpt(FILE_NAME, &one)));
    assert_eq!(without_files(one), without_files(project));
}

/// Returns what a project says, but for where it says it.
fn without_files(project: Project) -> Project {
    let mut project = without_places(project);
    (project.workspace, project.members) = (None, Vec::new());
    for target in &mut project.targets {
        target.paths = target.paths_from_root().collect();
        target.directory.clear();
    }
    project
}

/// What is said of a place lies inside the text and can be shown.
pub(super) fn assert_shown(message: &impl Display, place: Range<usize>, text: &str, excerpt: &str) {
    assert_printable(message);
    assert!(text.get(place.clone()).is_some(), "{message}: {place:?} is no part of the text");
    for line in excerpt.lines() {
        assert_printable(&line);
    }
}

/// Returns the project but for where everything stands.
fn without_places(mut project: Project) -> Project {
    project.images.values_mut().for_each(|image| image.places = Places::default());
    project.edges.iter_mut().for_each(|edge| edge.place = 0..0);
    project.targets.iter_mut().for_each(|target| target.place = 0..0);
    project
}

fn hold(file: &mut ProjectFile, expected: &mut Project, name: &str, hold: bool) {
    let (before, was_held) = (file.text(), expected.images[name].hold);
    file.hold(name, hold).unwrap();
    expected.images.get_mut(name).unwrap().hold = hold;
    if hold && !was_held && !before.contains("hold") {
        let mut back = file.clone();
        back.hold(name, false).unwrap();
        assert_eq!(back.text(), before, "held and no longer held");
    }
}

fn set_version(file: &mut ProjectFile, expected: &mut Project, name: &str, version: &str) {
    let image = expected.images.get_mut(name).unwrap();
    let is_asked = |scheme: &Scheme| Requirement::parse(version, scheme).is_ok();
    let version = if is_asked(&image.scheme) { version } else { "*" };
    file.set_version(name, version).unwrap();
    image.version = Requirement::parse(version, &image.scheme).unwrap();
    let mut other = file.clone();
    other.set_version(name, "1").unwrap();
    other.set_version(name, version).unwrap();
    assert_eq!(other.text(), file.text(), "another version and back");
}

fn remove(file: &mut ProjectFile, expected: &mut Project, name: &str) {
    match file.remove(name) {
        Ok(()) => drop(expected.images.remove(name)),
        Err(error) => assert_printable(&error),
    }
}

fn add(file: &mut ProjectFile, expected: &mut Project) {
    let before = file.text();
    let name = format!("added.{}", expected.images.len());
    let image = Addition {
        name: name.clone(),
        repository: "registry.example/team/added".to_owned(),
        version: Some(">=1, <2".to_owned()),
        template: Some("{version}-{os}".to_owned()),
        axes: vec![("os".to_owned(), "trixie".to_owned())],
        groups: vec!["dev".to_owned()],
        ..Addition::default()
    };
    if expected.images.contains_key(&name) {
        return assert!(file.add(&image).is_err());
    }
    file.add(&image).unwrap();
    let added = Project::parse(&file.text()).map(without_places);
    let added = added.unwrap_or_else(|error| panic!("{error}\n{}", error.excerpt(FILE_NAME, &file.text())));
    let mut back = file.clone();
    back.remove(&name).unwrap();
    assert_eq!(back.text(), before, "added and taken out");
    expected.images.insert(name.clone(), added.images[&name].clone());
}
