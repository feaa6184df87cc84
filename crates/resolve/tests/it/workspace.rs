//! `[workspace]`: several files that are one project.

use proptest::prelude::*;
use resolve::project::{EditError, Groups, IMAGES_MAX, Places, Project, ProjectFile, Sources, Workspace, flat};

const ROOT: &str = r#"[project]
platforms = ["linux/amd64"]

[workspace]
members = ["apps/*"]

[registries.up]
host = "registry.example"

[images]
base = { repo = "up/team/base", version = "^1" }
"#;

const FRONT: &str = r#"[project]
name = "front"
platforms = ["linux/arm64"]

[images]
base = { workspace = true }
web = { repo = "up/team/web", version = "^2", follows = "api" }
proxy = { repo = "up/team/proxy", platforms = ["linux/s390x"] }

[[targets]]
kind = "compose"
paths = ["compose.yaml"]
map = { "api.image" = "api" }
"#;

const BACK: &str = r#"[images]
api = { repo = "up/team/api", version = "^2" }

[[edges]]
if = "api"
requires = { base = "=1.2" }
"#;

fn sources(members: &[(&str, &str)]) -> Sources {
    let mut sources = Sources::new(ROOT.to_owned());
    for (directory, text) in members {
        sources.push((*directory).to_owned(), (*text).to_owned());
    }
    sources
}

fn whole() -> Sources {
    sources(&[("apps/back", BACK), ("apps/front", FRONT)])
}

/// Returns the error of a workspace as it is shown: message, path of the file, what stands at the place.
fn refused(sources: &Sources) -> (String, String, String) {
    let error = Project::join(sources).unwrap_err();
    let (file, place) = sources.locate(&error.place);
    let source = &sources.files()[file];
    (error.message.clone(), source.path(), source.text[place].to_owned())
}

fn refused_member(text: &str) -> (String, String, String) {
    refused(&sources(&[("apps/back", BACK), ("apps/front", text)]))
}

#[test]
fn the_files_of_a_workspace_are_one_project() {
    let sources = whole();
    let project = Project::join(&sources).unwrap();
    assert_eq!(project.images.keys().collect::<Vec<_>>(), ["api", "base", "proxy", "web"]);
    assert_eq!(project.images["web"].repository.to_string(), "registry.example/team/web");
    assert_eq!(project.edges.len(), 1);
    let directories: Vec<_> = project.targets.iter().flat_map(resolve::project::Target::paths_from_root).collect();
    assert_eq!(directories, ["apps/front/compose.yaml"]);
    let members: Vec<_> =
        project.members.iter().map(|member| (&*member.directory, member.images().collect())).collect();
    assert_eq!(members, [("apps/back", vec!["api"]), ("apps/front", vec!["proxy", "web", "base"])]);
}

#[test]
fn the_platforms_of_a_member_are_those_of_the_images_that_it_declares() {
    let project = Project::join(&whole()).unwrap();
    let platforms = |name: &str| project.platforms_of(&project.images[name])[0].to_string();
    assert_eq!(
        ["api", "base", "proxy", "web"].map(platforms),
        ["linux/amd64", "linux/amd64", "linux/s390x", "linux/arm64"]
    );
}

#[test]
fn every_place_is_found_in_its_file() {
    let sources = whole();
    let project = Project::join(&sources).unwrap();
    for (name, image) in &project.images {
        let (file, place) = sources.locate(&image.places.name);
        assert_eq!(sources.files()[file].text[place], **name);
    }
    let (file, place) = sources.locate(&project.images["web"].places.follows);
    assert_eq!(
        (sources.files()[file].path().as_str(), &sources.files()[file].text[place]),
        ("apps/front/Supercargo.toml", "\"api\"")
    );
    let (file, place) = sources.locate(&project.edges[0].place);
    assert_eq!((file, &sources.files()[file].text[place]), (1, "\"api\""));
}

#[test]
fn an_image_that_two_files_declare_is_an_error_at_both_places() {
    let sources = sources(&[("apps/a", BACK), ("apps/b", "[images]\napi = { repo = \"up/team/other\" }\n")]);
    let (message, file, place) = refused(&sources);
    assert_eq!((file.as_str(), place.as_str()), ("apps/b/Supercargo.toml", "api"));
    assert_eq!(message, "two files of the workspace declare an image `api`");
    let (_, related) = Project::join(&sources).unwrap_err().related.unwrap();
    let (file, place) = sources.locate(&related);
    assert_eq!((file, &BACK[place]), (1, "api"));
}

#[test]
fn the_help_for_an_image_of_the_root_is_to_take_it_over() {
    let sources = sources(&[("apps/a", "[images]\nbase = { repo = \"up/team/base\" }\n")]);
    let help = Project::join(&sources).unwrap_err().help.unwrap();
    assert!(help.starts_with("base = { workspace = true }"), "{help}");
}

#[test]
fn what_is_of_all_members_stands_in_the_file_of_the_root() {
    for (text, place) in [
        ("[policy]\ncooldown = \"3d\"\n", "policy"),
        ("[registries.r]\nhost = \"registry.example\"\n", "registries"),
        ("[workspace]\nmembers = []\n", "workspace"),
        ("[project]\nvendor = \"v\"\n", "vendor"),
    ] {
        let (message, file, at) = refused_member(text);
        assert_eq!((file.as_str(), at.as_str()), ("apps/front/Supercargo.toml", place));
        assert!(message.ends_with("belongs in the file of the workspace's root"), "{message}");
    }
}

#[test]
fn only_images_of_the_root_are_taken_over() {
    for (entry, message) in [
        ("api = { workspace = true }", "`api` is no image of the workspace's root"),
        ("none = { workspace = true }", "there is no image `none`"),
        ("base = { workspace = false }", "`workspace` can only be `true`"),
        ("base = { workspace = true, hold = true }", "`workspace` stands alone"),
    ] {
        assert_eq!(refused_member(&format!("[images]\n{entry}\n")).0, message);
    }
    let alone = Project::parse("[images]\nbase = { workspace = true }\n").unwrap_err();
    assert_eq!(alone.message, "only a member takes an image over");
}

#[test]
fn errors_of_members_point_into_their_files() {
    for (text, place) in [
        ("[images]\nweb = { repo = \"up/team/web\", version = \"^^\" }\n", "^^"),
        ("[images]\nweb = { repo = \"up/team/web\", follows = \"gone\" }\n", "\"gone\""),
        ("[[edges]]\nif = \"gone\"\nrequires = {}\n", "\"gone\""),
        ("[[targets]]\nkind = \"compose\"\npaths = []\nmap = { x = \"gone\" }\n", "\"gone\""),
        ("[project]\nplatforms = [\"amiga\"]\n", "\"amiga\""),
        ("[imagse]\n", "imagse"),
    ] {
        let (_, file, at) = refused_member(text);
        assert_eq!((file.as_str(), at.contains(place)), ("apps/front/Supercargo.toml", true), "{text}: {at}");
    }
}

#[test]
fn images_that_follow_each_other_over_files_go_round_in_an_error() {
    let back = "[images]\napi = { repo = \"up/team/api\", follows = \"web\" }\n";
    let (message, ..) = refused(&sources(&[("apps/back", back), ("apps/front", FRONT)]));
    assert!(message.contains("follows itself"), "{message}");
}

#[test]
fn the_images_of_all_members_are_counted_together() {
    let many = |prefix: &str| {
        let images = (0..IMAGES_MAX / 2).map(|number| format!("{prefix}{number} = {{ repo = \"up/team/x\" }}\n"));
        format!("[images]\n{}", images.collect::<String>())
    };
    let (one, other) = (many("a"), many("b"));
    // The root has one more.
    let (message, file, place) = refused(&sources(&[("apps/a", &one), ("apps/b", &other)]));
    assert_eq!((message.as_str(), file.as_str()), ("there are more than 4096 images", "apps/b/Supercargo.toml"));
    assert_eq!(place, format!("b{}", IMAGES_MAX / 2 - 1));
}

#[test]
fn a_member_has_its_images_and_what_they_follow_and_need() {
    let project = Project::join(&whole()).unwrap();
    let of = |member: usize| project.images_of(&Groups::all(), project.members.get(member)).unwrap();
    assert_eq!(of(0).into_iter().collect::<Vec<_>>(), ["api", "base"]);
    assert_eq!(of(1).into_iter().collect::<Vec<_>>(), ["api", "base", "proxy", "web"]);
    assert_eq!(of(2).len(), 4, "no member: all");
}

#[test]
fn an_image_that_a_member_speaks_of_stays() {
    let sources = whole();
    let mut root = ProjectFile::of(sources.clone(), 0).unwrap();
    let EditError::Needed { by, .. } = root.remove("base").unwrap_err() else { panic!() };
    assert_eq!(by, "an edge");
    let mut front = ProjectFile::of(sources.clone(), 2).unwrap();
    front.remove("base").unwrap();
    assert_eq!(front.text(), FRONT.replace("base = { workspace = true }\n", ""));
    let mut back = ProjectFile::of(sources, 1).unwrap();
    let EditError::Needed { by, .. } = back.remove("api").unwrap_err() else { panic!() };
    assert_eq!(by, "`web`, which follows it");
}

#[test]
fn patterns_admit_directories_at_their_depth() {
    let text = "[workspace]\nmembers = [\"apps/*\", \"tools/one/\", \".hidden/x?\"]\nexclude = [\"apps/old*\", \"tools/one/two\"]\n";
    let workspace = Workspace::find(text).unwrap().unwrap();
    for admitted in ["apps/a", "apps/b.c", "tools/one", ".hidden/xy"] {
        assert!(workspace.admits(admitted), "{admitted}");
    }
    for other in
        ["", "apps", "apps/a/b", "apps/old", "apps/older/a", "apps/.git", "tools/two", ".hidden/x", "other/a", "apps/*"]
    {
        assert!(!workspace.admits(other), "{other}");
    }
    assert_eq!(Workspace::find("[images]\n").unwrap(), None);
}

#[test]
fn patterns_stay_below_the_root() {
    for pattern in ["../a", "/a", "a/../b", ".", "", "a//b", "apps/**", "a b", "a\\\\b"] {
        let text = format!("[workspace]\nmembers = [\"{pattern}\"]\n");
        let error = Workspace::find(&text).unwrap_err();
        assert_eq!(&text[error.place.clone()], format!("\"{pattern}\""), "{error}");
        assert_eq!(Project::parse(&text).unwrap_err(), error);
    }
}

#[test]
fn a_workspace_in_one_file_says_the_same() {
    let sources = whole();
    let one = Project::parse(&flat(&sources).unwrap()).unwrap();
    assert_eq!(bare(one), bare(Project::join(&sources).unwrap()));
    let alone = Sources::new(BACK.replace("up/", "registry.example/").replace("base", "api") + "# as it is\n");
    assert_eq!(flat(&alone).unwrap(), alone.root());
}

/// Returns what a project says, but for where it says it.
fn bare(mut project: Project) -> Project {
    (project.workspace, project.members) = (None, Vec::new());
    project.images.values_mut().for_each(|image| image.places = Places::default());
    project.edges.iter_mut().for_each(|edge| edge.place = 0..0);
    for target in &mut project.targets {
        target.paths = target.paths_from_root().collect();
        (target.directory, target.place) = (String::new(), 0..0);
    }
    project
}

proptest! {
    #[test]
    fn a_place_of_a_file_is_found_again(texts in prop::collection::vec("[a-z\n]{0,9}", 1..6), file in 0_usize..6, at in 0_usize..10) {
        let file = file % texts.len();
        let at = at.min(texts[file].len());
        let mut all = Sources::new(texts[0].clone());
        texts[1..].iter().for_each(|text| all.push("a".to_owned(), text.clone()));
        let start: usize = texts[..file].iter().map(|text| text.len() + 1).sum();
        prop_assert_eq!(all.locate(&(start + at..start + at)), (file, at..at));
    }
}
