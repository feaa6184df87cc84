//! A project from the text of its file.

use std::collections::BTreeMap;

use oci::Platform;

use super::document::{Table, Text, nearest};
use super::error::ProjectError;
use super::keys::{self, Key, Shape};
use super::{
    Axis, Edge, FILE_MAX_BYTES, IMAGES_MAX, Image, Marked, MovedTags, Needed, Places, Policy, Prerelease, Project,
    Target,
};
use crate::requirement::Requirement;
use crate::scheme::Scheme;
use crate::template::{Template, VERSION_AXIS};

type Result<T> = std::result::Result<T, ProjectError>;

/// What a requirement on another image says to get the same version.
const SAME: &str = "=same";

pub(super) fn project(text: &str) -> Result<Project> {
    if text.len() > FILE_MAX_BYTES {
        return Err(ProjectError::new(format!("the file has more than {FILE_MAX_BYTES} bytes"), 0..0));
    }
    let document = toml_edit::Document::parse(text).map_err(|error| {
        let place = error.span().unwrap_or(0..0);
        ProjectError::new(error.message().lines().next().unwrap_or("is not TOML"), place)
    })?;
    let root = Table::check(document.as_table(), 0..0, keys::ROOT)?;
    let mut project = Project::default();
    if let Some(table) = root.table("project", below("project"))? {
        project.name = table.owned_text("name");
        project.version = table.owned_text("version");
        project.license = table.owned_text("license");
        project.supplier = table.owned_text("supplier");
        project.source = table.owned_text("source");
        project.platforms = platforms(&table)?.unwrap_or_default();
        project.vendor = table.owned_text("vendor");
    }
    if let Some(table) = root.table("policy", below("policy"))? {
        project.policy = policy(&table)?;
    }
    let registries = root.map("registries", below("registries"))?;
    let hosts = registries.iter().filter_map(|(name, table)| Some((name.text, table.text("host")?.text))).collect();
    let images = root.map("images", below("images"))?;
    if images.len() > IMAGES_MAX {
        return Err(ProjectError::new(format!("there are more than {IMAGES_MAX} images"), images[0].0.place.clone()));
    }
    for (name, table) in &images {
        project.images.insert(image_name(name)?.to_owned(), image(name, table, &hosts)?);
    }
    project.registries =
        registries.iter().filter_map(|(name, table)| Some((name.text.to_owned(), table.owned_text("host")?))).collect();
    for (_, table) in &registries {
        if let Some(host) = table.owned_text("host") {
            project.mirrors.entry(host).or_default().extend(mirrors(table)?);
        }
    }
    for (name, table) in &images {
        if let Some(followed) = table.text("follows") {
            check_follows(&project, name.text, &followed)?;
        }
    }
    for table in root.list("edges", below("edges"))? {
        project.edges.push(edge(&table, &project)?);
    }
    for table in root.list("targets", below("targets"))? {
        project.targets.push(target(&table, &project)?);
    }
    Ok(project)
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
        cooldown: duration(table, "cooldown")?.unwrap_or_default(),
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
pub(super) fn duration(table: &Table<'_>, key: &str) -> Result<Option<u64>> {
    const UNITS: [(char, u64); 5] = [('s', 1), ('m', 60), ('h', 3600), ('d', 86_400), ('w', 604_800)];
    let Some(text) = table.text(key) else { return Ok(None) };
    let read = || {
        let unit = text.text.chars().next_back()?;
        let (_, seconds) = UNITS.iter().find(|(known, _)| *known == unit)?;
        let digits = &text.text[..text.text.len() - 1];
        digits
            .bytes()
            .all(|byte| byte.is_ascii_digit())
            .then(|| digits.parse::<u64>().ok())?
            .and_then(|count| count.checked_mul(*seconds))
    };
    match read() {
        Some(seconds) => Ok(Some(seconds)),
        None => Err(ProjectError::new(format!("`{}` is no time", text.text.escape_debug()), text.place)
            .help(format!("{key} = \"3d\"   # or 90m, 12h, 2w"))),
    }
}

pub(super) fn platforms(table: &Table<'_>) -> Result<Option<Vec<Platform>>> {
    let Some(texts) = table.texts("platforms") else { return Ok(None) };
    let read = |text: &Text<'_>| {
        text.text.parse().map_err(|_| {
            ProjectError::new(format!("`{}` is no platform", text.text.escape_debug()), text.place.clone())
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
    Err(ProjectError::new(message, name.place.clone())
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
        return Err(ProjectError::new("`variant` and `tag` say the same twice", variant.place.clone())
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
        cooldown: duration(table, "cooldown")?,
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
    let text = table.text("repo").ok_or_else(|| ProjectError::new("`repo` is missing", table.place.clone()))?;
    let full = match text.text.split_once('/') {
        Some((short, rest)) => hosts.get(short).map_or_else(|| text.text.to_owned(), |host| format!("{host}/{rest}")),
        None => text.text.to_owned(),
    };
    let reference: oci::RegistryReference = full.parse().map_err(|error: oci::ReferenceError| {
        let problem = ProjectError::new(error.to_string(), text.place.clone());
        match &error {
            oci::ReferenceError::ShortName { instead, .. } => problem.help(format!("repo = \"{instead}\"")),
            _ => problem,
        }
    })?;
    if reference.selector == oci::Selector::default() {
        return Ok(reference);
    }
    let bare = oci::RegistryReference { selector: oci::Selector::default(), ..reference };
    Err(ProjectError::new("`repo` names an image, not a repository", text.place)
        .help(format!("repo = \"{bare}\"   # and what is wanted of it in `version`")))
}

fn mirrors(table: &Table<'_>) -> Result<Vec<String>> {
    let texts = table.texts("mirrors").unwrap_or_default();
    let read = |text: Text<'_>| {
        let is_place = format!("{}/image", text.text).parse::<oci::RegistryReference>().is_ok();
        if is_place {
            return Ok(text.text.to_owned());
        }
        Err(ProjectError::new(format!("`{}` is no place for a mirror", text.text.escape_debug()), text.place)
            .help("mirrors = [\"mirror.example:5000\"]   # or mirror.example/prefix"))
    };
    texts.into_iter().map(read).collect()
}

pub(super) fn scheme(text: &Text<'_>) -> Result<Scheme> {
    text.text
        .parse()
        .map_err(|error: crate::scheme::SchemeError| ProjectError::new(error.to_string(), text.place.clone()))
}

pub(super) fn requirement(text: &Text<'_>, scheme: &Scheme) -> Result<Requirement> {
    Requirement::parse(text.text, scheme).map_err(|error| {
        let message = format!("`{}` is no requirement", text.text.escape_debug());
        ProjectError::new(message, text.part(error.start, error.length))
            .label(error.reason)
            .help("version = \"^1.57\"   # or ~4.1, =1.2.3, >=1.2, <2, 1.57.*, *")
    })
}

pub(super) fn template(text: &Text<'_>) -> Result<Template> {
    Template::parse(text.text).map_err(|error| {
        let message = format!("`{}` is no template of tags", text.text.escape_debug());
        ProjectError::new(message, text.part(error.start, error.length))
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
            let error = ProjectError::new(message, name.place.clone());
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
    let mut seen = vec![name];
    let mut next = followed.text;
    while let Some(image) = project.images.get(next) {
        if seen.contains(&next) {
            let circle = seen.join(" → ");
            return Err(ProjectError::new(
                format!("`{name}` follows itself: {circle} → {next}"),
                followed.place.clone(),
            ));
        }
        seen.push(next);
        match &image.follows {
            Some(further) => next = further,
            None => return Ok(()),
        }
    }
    if next == followed.text { Err(no_image(project, followed)) } else { Ok(()) }
}

fn no_image(project: &Project, name: &Text<'_>) -> ProjectError {
    let error = ProjectError::new(format!("there is no image `{}`", name.text.escape_debug()), name.place.clone());
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
    let name = table.text("if").ok_or_else(|| ProjectError::new("`if` is missing", table.place.clone()))?;
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
        place: table.place.clone(),
    })
}
