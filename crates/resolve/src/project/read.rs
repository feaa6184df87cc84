//! A project from the text of its file.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use oci::Platform;

use super::keys::{self, TAKEN};
use super::sources::{Source, Sources};
use super::workspace::{Member, Workspace, workspace};
use super::{Axis, Edge, IMAGES_MAX, Image, Marked, MovedTags, Needed, Places, Policy, Prerelease, Project, Target};
use crate::document::{Document, DocumentError, Key, Shape, Table, Text, nearest, shifted};
use crate::requirement::Requirement;
use crate::scheme::Scheme;
use crate::template::{Template, VERSION_AXIS};

type Result<T> = std::result::Result<T, DocumentError>;

/// What a requirement on another image says to get the same version.
const SAME: &str = "=same";

pub(super) fn project(sources: &Sources) -> Result<Project> {
    sources.check_size()?;
    let mut documents = Vec::new();
    for (source, start) in sources.files().iter().zip(sources.starts()) {
        documents.push(Document::parse(&source.text).map_err(|error| error.below(start))?);
    }
    let mut files = Vec::new();
    for ((source, start), document) in sources.files().iter().zip(sources.starts()).zip(&documents) {
        files.push(File::read(source, start, document).map_err(|error| error.below(start))?);
    }
    joined(&files)
}

/// Reads what a text says of a workspace.
pub(super) fn workspace_alone(text: &str) -> Result<Option<Workspace>> {
    let document = Document::parse(text)?;
    document.unchecked().table("workspace", below("workspace"))?.map(|table| workspace(&table)).transpose()
}

/// A file whose keys and shapes were checked. All places are those of its text.
struct File<'a> {
    directory: &'a str,
    start: usize,
    root: Table<'a>,
    images: Vec<(Text<'a>, Table<'a>)>,
}

impl<'a> File<'a> {
    fn read(source: &'a Source, start: usize, document: &'a Document<'_>) -> Result<Self> {
        let root = document.root(keys::ROOT)?;
        if !source.directory.is_empty() {
            refuse_of_root(&root)?;
        }
        let images = root.map("images", below("images"))?;
        Ok(Self { directory: &source.directory, start, root, images })
    }

    fn is_root(&self) -> bool {
        self.directory.is_empty()
    }
}

/// Refuses what only the file of a workspace's root may say.
fn refuse_of_root(member: &Table<'_>) -> Result<()> {
    let project = member.table("project", below("project"))?;
    let places = [
        ("[workspace]", member.key("workspace")),
        ("[policy]", member.key("policy")),
        ("[registries]", member.key("registries")),
        ("vendor", project.and_then(|project| project.key("vendor"))),
    ];
    match places.into_iter().find_map(|(what, place)| Some((what, place?))) {
        Some((what, place)) => {
            Err(DocumentError::new(format!("`{what}` belongs in the file of the workspace's root"), place)
                .label("this file is a member's")
                .help(format!("move `{what}` to the file that has `[workspace]`: it is of all members")))
        }
        None => Ok(()),
    }
}

/// Makes one project of the files, that of the root first.
fn joined(files: &[File<'_>]) -> Result<Project> {
    let mut project = Project::default();
    let Some(root) = files.first() else { return Ok(project) };
    let hosts = facts(&root.root, &mut project)?;
    for file in files {
        declared(file, &hosts, &mut project)?;
    }
    let end_of_root = files.get(1).map_or(0, |member| member.start);
    for (number, file) in files.iter().skip(1).enumerate() {
        let takes = taken(file, end_of_root, &project).map_err(|error| error.below(file.start))?;
        if let Some(member) = project.members.get_mut(number) {
            member.takes = takes;
        }
    }
    for file in files {
        related(file, &mut project).map_err(|error| error.below(file.start))?;
    }
    Ok(project)
}

/// Reads what the root says of all, and returns the hosts of registries by their short names.
fn facts<'a>(root: &Table<'a>, project: &mut Project) -> Result<BTreeMap<&'a str, &'a str>> {
    if let Some(table) = root.table("project", below("project"))? {
        project.name = table.owned_text("name");
        project.version = table.owned_text("version");
        project.license = table.owned_text("license");
        project.supplier = table.owned_text("supplier");
        project.source = table.owned_text("source");
        project.platforms = platforms(&table)?.unwrap_or_default();
        project.vendor = table.owned_text("vendor");
    }
    if let Some(table) = root.table("workspace", below("workspace"))? {
        project.workspace = Some(workspace(&table)?);
    }
    if let Some(table) = root.table("policy", below("policy"))? {
        project.policy = policy(&table)?;
    }
    let registries = root.map("registries", below("registries"))?;
    for (name, table) in &registries {
        if let Some(host) = table.owned_text("host") {
            project.registries.insert(name.text.to_owned(), host.clone());
            project.mirrors.entry(host).or_default().extend(super::copies::read(table)?);
        }
    }
    Ok(registries.iter().filter_map(|(name, table)| Some((name.text, table.text("host")?.text))).collect())
}

/// Reads the images that a file declares.
fn declared(file: &File<'_>, hosts: &BTreeMap<&str, &str>, project: &mut Project) -> Result<()> {
    let local = |error: DocumentError| error.below(file.start);
    let mut member = Member { directory: file.directory.to_owned(), ..Member::default() };
    let mut everywhere = None;
    if let Some(table) = file.root.table("project", below("project")).map_err(local)?.filter(|_| !file.is_root()) {
        member.name = table.owned_text("name");
        everywhere = platforms(&table).map_err(local)?;
    }
    for (name, table) in file.images.iter().filter(|(_, table)| !table.has(TAKEN)) {
        let mut image = image(name, table, hosts).map_err(local)?;
        image.places = image.places.below(file.start);
        image.platforms = image.platforms.or_else(|| everywhere.clone());
        let name_place = image.places.name.clone();
        if project.images.len() == IMAGES_MAX {
            return Err(DocumentError::new(format!("there are more than {IMAGES_MAX} images"), name_place));
        }
        let name = image_name(name).map_err(local)?.to_owned();
        if let Some(first) = project.images.get(&name) {
            return Err(declared_twice(&name, name_place, &first.places.name, project));
        }
        member.declares.insert(name.clone());
        project.images.insert(name, image);
    }
    if !file.is_root() {
        project.members.push(member);
    }
    Ok(())
}

fn declared_twice(name: &str, place: Range<usize>, first: &Range<usize>, project: &Project) -> DocumentError {
    let is_of_member = project.members.iter().any(|member| member.declares.contains(name));
    let error = DocumentError::new(format!("two files of the workspace declare an image `{name}`"), place)
        .related("it is declared here too", first.clone());
    if is_of_member {
        error.help(format!("declare it in the file of the root, and write `{name} = {{ workspace = true }}` in both"))
    } else {
        error.help(format!("{name} = {{ workspace = true }}   # it is the same image; otherwise give it another name"))
    }
}

/// Returns the images of the root that a member takes over. The root's are declared before `end_of_root`.
fn taken(file: &File<'_>, end_of_root: usize, project: &Project) -> Result<BTreeSet<String>> {
    let mut takes = BTreeSet::new();
    for (name, table) in file.images.iter().filter(|(_, table)| table.has(TAKEN)) {
        if !table.flag(TAKEN) {
            let error = DocumentError::new(format!("`{TAKEN}` can only be `true`"), table.place.clone());
            return Err(error.help(format!("{} = {{ workspace = true }}", name.text)));
        }
        if table.len() > 1 {
            return Err(DocumentError::new(format!("`{TAKEN}` stands alone"), table.place.clone())
                .label("what is wanted of the image is said where it is declared"));
        }
        let name_text = image_name(name)?;
        let declared = project.images.get(name_text);
        let is_of_root = declared.is_some_and(|image| image.places.name.start < end_of_root);
        if is_of_root {
            takes.insert(name_text.to_owned());
            continue;
        }
        return Err(match declared {
            Some(image) => {
                let message = format!("`{name_text}` is no image of the workspace's root");
                let error = DocumentError::new(message, name.place.clone());
                error
                    .help("move its entry to the file of the root, where any member can take it over")
                    .related("it is declared here", image.places.name.clone())
            }
            None => no_image(project, name),
        });
    }
    Ok(takes)
}

/// Reads what a file says of images of the whole workspace.
fn related(file: &File<'_>, project: &mut Project) -> Result<()> {
    if let Some((name, _)) = file.images.iter().find(|(_, table)| table.has(TAKEN)).filter(|_| file.is_root()) {
        return Err(DocumentError::new("only a member takes an image over", name.place.clone())
            .label("this is the file of the root"));
    }
    for (name, table) in &file.images {
        if let Some(followed) = table.text("follows") {
            check_follows(project, name.text, &followed)?;
        }
    }
    for table in file.root.list("edges", below("edges"))? {
        let edge = edge(&table, project)?;
        project.edges.push(Edge { place: shifted(&edge.place, file.start), ..edge });
    }
    for table in file.root.list("targets", below("targets"))? {
        let target = target(&table, project)?;
        let place = shifted(&target.place, file.start);
        project.targets.push(Target { directory: file.directory.to_owned(), place, ..target });
    }
    Ok(())
}

/// Returns the keys of a table of the root.
fn below(name: &str) -> &'static [Key] {
    let key = keys::ROOT.iter().find(|key| key.name == name);
    match key.map(|key| &key.shape) {
        Some(Shape::Table(keys) | Shape::Map(keys) | Shape::List(keys)) => keys,
        _ => &[],
    }
}

fn policy(table: &Table<'_>) -> Result<Policy> {
    let default = Policy::default();
    Ok(Policy {
        prerelease: table.text("prerelease").map_or(default.prerelease, |text| prerelease(text.text)),
        cooldown: table.duration("cooldown")?.unwrap_or_default(),
        moved_tags: table.text("moved-tags").map_or(default.moved_tags, |text| match text.text {
            "error" => MovedTags::Error,
            "follow" => MovedTags::Follow,
            _ => MovedTags::Warn,
        }),
        yanked: table.text("yanked").map_or(default.yanked, |text| marked(text.text)),
        eol: table.text("eol").map_or(default.eol, |text| marked(text.text)),
        verify: table.list("verify", keys::VERIFY)?.iter().map(super::verify::verify).collect::<Result<_>>()?,
    })
}

// What else it could be was refused when the keys were checked.
pub(super) fn prerelease(text: &str) -> Prerelease {
    match text {
        "never" => Prerelease::Never,
        "allow" => Prerelease::Allow,
        _ => Prerelease::IfNecessary,
    }
}

fn marked(text: &str) -> Marked {
    match text {
        "deny" => Marked::Deny,
        "allow" => Marked::Allow,
        _ => Marked::Warn,
    }
}

/// Reads a time, in seconds.
pub(super) fn platforms(table: &Table<'_>) -> Result<Option<Vec<Platform>>> {
    let Some(texts) = table.texts("platforms") else { return Ok(None) };
    let read = |text: &Text<'_>| {
        text.text.parse().map_err(|_| {
            DocumentError::new(format!("`{}` is no platform", text.text.escape_debug()), text.place.clone())
                .help("platforms = [\"linux/amd64\", \"linux/arm64\"]")
        })
    };
    texts.iter().map(read).collect::<Result<_>>().map(Some)
}

/// Most bytes of a name.
const NAME_MAX_BYTES: usize = 64;

fn image_name<'a>(name: &Text<'a>) -> Result<&'a str> {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let begins = name.text.starts_with(|first: char| first.is_ascii_alphanumeric());
    if begins && name.text.bytes().all(is_allowed) && name.text.len() <= NAME_MAX_BYTES {
        return Ok(name.text);
    }
    let message = format!("`{}` cannot be the name of an image", name.text.escape_debug());
    Err(DocumentError::new(message, name.place.clone())
        .label(format!("letters, digits, `-`, `_` and `.`, at most {NAME_MAX_BYTES}")))
}

fn image(name: &Text<'_>, table: &Table<'_>, hosts: &BTreeMap<&str, &str>) -> Result<Image> {
    let repository = repository(table, hosts)?;
    let scheme = match table.text("scheme") {
        Some(text) => scheme(&text)?,
        None => Scheme::default(),
    };
    let wanted = table.text("version");
    let version = match &wanted {
        Some(text) => requirement(text, &scheme)?,
        None => Requirement::any(),
    };
    let template = table.text("tag").map(|text| template(&text)).transpose()?;
    let variant = table.text("variant");
    if let (Some(_), Some(variant)) = (&template, &variant) {
        return Err(DocumentError::new("`variant` and `tag` say the same twice", variant.place.clone())
            .help("keep `tag` and say what is wanted of its axes with `axes`"));
    }
    let follows = table.text("follows");
    Ok(Image {
        repository,
        version,
        axes: axes(table, template.as_ref())?,
        template,
        scheme,
        variant: variant.map(|text| text.text.to_owned()),
        optional: table.flag("optional"),
        groups: table.texts("groups").unwrap_or_default().iter().map(|text| text.text.to_owned()).collect(),
        platforms: platforms(table)?,
        hold: table.flag("hold"),
        cooldown: table.duration("cooldown")?,
        prerelease: table.text("prerelease").map(|text| prerelease(text.text)),
        places: Places {
            name: name.place.clone(),
            version: wanted.map_or_else(|| name.place.clone(), |text| text.place),
            follows: follows.as_ref().map_or_else(|| name.place.clone(), |text| text.place.clone()),
        },
        follows: follows.map(|text| text.text.to_owned()),
    })
}

fn repository(table: &Table<'_>, hosts: &BTreeMap<&str, &str>) -> Result<oci::RegistryReference> {
    // It is required.
    let text = table.text("repo").ok_or_else(|| DocumentError::new("`repo` is missing", table.place.clone()))?;
    let full = match text.text.split_once('/') {
        Some((short, rest)) => hosts.get(short).map_or_else(|| text.text.to_owned(), |host| format!("{host}/{rest}")),
        None => text.text.to_owned(),
    };
    let reference: oci::RegistryReference = full.parse().map_err(|error: oci::ReferenceError| {
        let problem = DocumentError::new(error.to_string(), text.place.clone());
        match &error {
            oci::ReferenceError::ShortName { instead, .. } => problem.help(format!("repo = \"{instead}\"")),
            _ => problem,
        }
    })?;
    if reference.selector == oci::Selector::default() {
        return Ok(reference);
    }
    let bare = oci::RegistryReference { selector: oci::Selector::default(), ..reference };
    Err(DocumentError::new("`repo` names an image, not a repository", text.place)
        .help(format!("repo = \"{bare}\"   # and what is wanted of it in `version`")))
}

pub(super) fn scheme(text: &Text<'_>) -> Result<Scheme> {
    text.text
        .parse()
        .map_err(|error: crate::scheme::SchemeError| DocumentError::new(error.to_string(), text.place.clone()))
}

pub(super) fn requirement(text: &Text<'_>, scheme: &Scheme) -> Result<Requirement> {
    Requirement::parse(text.text, scheme).map_err(|error| {
        let message = format!("`{}` is no requirement", text.text.escape_debug());
        DocumentError::new(message, text.part(error.start, error.length))
            .label(error.reason)
            .help("version = \"^1.57\"   # or ~4.1, =1.2.3, >=1.2, <2, 1.57.*, *")
    })
}

pub(super) fn template(text: &Text<'_>) -> Result<Template> {
    Template::parse(text.text).map_err(|error| {
        let message = format!("`{}` is no template of tags", text.text.escape_debug());
        DocumentError::new(message, text.part(error.start, error.length))
            .label(error.reason)
            .help("tag = \"{version}-{os}\"")
    })
}

pub(super) fn axes(table: &Table<'_>, template: Option<&Template>) -> Result<BTreeMap<String, Axis>> {
    let wanted = table.text_map("axes");
    let schemes = table.text_map("schemes");
    let known: Vec<&str> = template.into_iter().flat_map(Template::axes).filter(|axis| *axis != VERSION_AXIS).collect();
    for (name, _) in wanted.iter().chain(&schemes) {
        if !known.contains(&name.text) {
            let message = match template {
                Some(template) => format!("`{template}` has no axis `{}`", name.text.escape_debug()),
                None => format!("there is no `tag` with an axis `{}`", name.text.escape_debug()),
            };
            let error = DocumentError::new(message, name.place.clone());
            return Err(match name.text {
                VERSION_AXIS => {
                    error.help("what is wanted of the version stands in `version`, how it is ordered in `scheme`")
                }
                axis => error.help(format!("tag = \"{{version}}-{{{axis}}}\"")),
            });
        }
    }
    let find = |pairs: &[(Text<'_>, Text<'_>)], axis: &str| pairs.iter().position(|(name, _)| name.text == axis);
    let mut axes = BTreeMap::new();
    for axis in known {
        let wanted = find(&wanted, axis).map(|place| &wanted[place].1);
        let scheme = match (find(&schemes, axis), wanted) {
            (Some(place), _) => scheme(&schemes[place].1)?,
            // `>=bookworm || trixie` looks like its first word.
            (None, Some(text)) => Scheme::guess(first_operand(text.text)),
            (None, None) => Scheme::Opaque,
        };
        let requirement = wanted.map_or_else(|| Ok(Requirement::any()), |text| requirement(text, &scheme))?;
        axes.insert(axis.to_owned(), Axis { requirement, scheme });
    }
    Ok(axes)
}

/// Returns the first value of a requirement, without its operator.
fn first_operand(text: &str) -> &str {
    let operand = text.trim_start_matches(['^', '~', '=', '<', '>', ' ']);
    operand.split([',', '|', ' ', '*']).next().unwrap_or(operand).trim_end_matches('.')
}

/// Tells whether the images that one follows end, and are there.
fn check_follows(project: &Project, name: &str, followed: &Text<'_>) -> Result<()> {
    let mut order = vec![name];
    let mut seen = BTreeSet::from([name]);
    let mut next = followed.text;
    while let Some(image) = project.images.get(next) {
        if !seen.insert(next) {
            let circle = order.join(" → ");
            return Err(DocumentError::new(
                format!("`{name}` follows itself: {circle} → {next}"),
                followed.place.clone(),
            ));
        }
        order.push(next);
        match &image.follows {
            Some(further) => next = further,
            None => return Ok(()),
        }
    }
    if next == followed.text { Err(no_image(project, followed)) } else { Ok(()) }
}

fn no_image(project: &Project, name: &Text<'_>) -> DocumentError {
    let error = DocumentError::new(format!("there is no image `{}`", name.text.escape_debug()), name.place.clone());
    match nearest(name.text, project.images.keys().map(String::as_str)) {
        Some(near) => error.label(format!("did you mean `{near}`?")),
        None => error,
    }
}

fn image_called<'p>(project: &'p Project, name: &Text<'_>) -> Result<&'p Image> {
    project.images.get(name.text).ok_or_else(|| no_image(project, name))
}

fn edge(table: &Table<'_>, project: &Project) -> Result<Edge> {
    // It is required.
    let name = table.text("if").ok_or_else(|| DocumentError::new("`if` is missing", table.place.clone()))?;
    let image = image_called(project, &name)?;
    let version = match table.text("version") {
        Some(text) => requirement(&text, &image.scheme)?,
        None => Requirement::any(),
    };
    let mut requires = BTreeMap::new();
    for (needed, text) in table.text_map("requires") {
        let other = image_called(project, &needed)?;
        let wanted = if text.text == SAME { Needed::Same } else { Needed::Version(requirement(&text, &other.scheme)?) };
        requires.insert(needed.text.to_owned(), wanted);
    }
    Ok(Edge { image: name.text.to_owned(), version, requires, place: name.place })
}

fn target(table: &Table<'_>, project: &Project) -> Result<Target> {
    let mut map = BTreeMap::new();
    for (place, name) in table.text_map("map") {
        image_called(project, &name)?;
        map.insert(place.text.to_owned(), name.text.to_owned());
    }
    let texts = |name| table.texts(name).unwrap_or_default().iter().map(|text| text.text.to_owned()).collect();
    Ok(Target {
        kind: table.owned_text("kind").unwrap_or_default(),
        paths: texts("paths"),
        write: table.owned_text("write"),
        map,
        fields: texts("fields"),
        directory: String::new(),
        place: table.place.clone(),
    })
}
