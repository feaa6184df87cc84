//! A mirror from the text of its file, by the same rules as a project's.

use oci::{Reference, RegistryReference, Selector};

use super::keys::{MIRROR, MIRROR_RULE};
use super::{FILE_MAX_BYTES, Image, Places, read};
use crate::document::{Document, DocumentError, Table, Text};
use crate::mirror::{Glob, MirrorFile, RULES_MAX, Rule, VersionRule, Wanted};
use crate::requirement::Requirement;
use crate::scheme::Scheme;

type Result<T> = std::result::Result<T, DocumentError>;

/// Reads a mirror.
pub(crate) fn mirror(text: &str) -> Result<MirrorFile> {
    if text.len() > FILE_MAX_BYTES {
        return Err(DocumentError::new(format!("the file has more than {FILE_MAX_BYTES} bytes"), 0..0));
    }
    let document = Document::parse(text)?;
    let root = document.root(MIRROR)?;
    let mut file = MirrorFile { every: root.duration("every")?, rules: Vec::new() };
    if file.every == Some(0) {
        let place = root.text("every").map_or(0..0, |text| text.place);
        return Err(DocumentError::new("`every` must be longer than nothing", place));
    }
    for table in root.list("mirror", MIRROR_RULE)? {
        rules(&table, &mut file.rules)?;
        if file.rules.len() > RULES_MAX {
            return Err(DocumentError::new(format!("there are more than {RULES_MAX} repositories"), table.place));
        }
    }
    Ok(file)
}

/// Reads one table: a rule for each repository that it names.
fn rules(table: &Table<'_>, rules: &mut Vec<Rule>) -> Result<()> {
    let required = |name: &str| table.text(name).ok_or_else(|| missing(table, name));
    let (from, to) = (required("from")?, required("to")?);
    let (images, is_below) = (table.texts("images"), to.text.ends_with('/'));
    let mut repositories: Vec<(RegistryReference, String)> = Vec::new();
    match (&images, from.text.ends_with('/')) {
        (Some(images), true) => {
            if !is_below && images.len() > 1 {
                return Err(DocumentError::new("several repositories would become one", to.place.clone())
                    .help(format!("to = \"{}/\"", to.text.escape_debug())));
            }
            for image in images {
                repositories.push((repository(&format!("{}{}", from.text, image.text), image)?, image.text.to_owned()));
            }
        }
        (None, false) => {
            let repository = repository(from.text, &from)?;
            let name = repository.repository.last_component().to_owned();
            repositories.push((repository, name));
        }
        (None, true) => {
            return Err(DocumentError::new(
                "`from` ends with `/`, and nothing says which repositories are meant",
                from.place,
            )
            .help("images = [\"shop\", \"shop/web\"]"));
        }
        (Some(_), false) => {
            return Err(DocumentError::new("`images` are below a `from` that ends with `/`", from.place.clone())
                .help(format!("from = \"{}/\"", from.text.escape_debug())));
        }
    }
    for (source, name) in repositories {
        let place = if is_below { format!("{}{name}", to.text) } else { to.text.to_owned() };
        rules.push(Rule {
            wanted: wanted(table, &source, &from)?,
            source,
            destination: destination(&place, &to)?,
            platforms: read::platforms(table)?.unwrap_or_default(),
            artifacts: table.is_true_or_absent("artifacts"),
        });
    }
    Ok(())
}

fn missing(table: &Table<'_>, name: &str) -> DocumentError {
    DocumentError::new(format!("`{name}` is missing"), table.place.clone())
}

fn repository(full: &str, text: &Text<'_>) -> Result<RegistryReference> {
    let reference: RegistryReference = full.parse().map_err(|error: oci::ReferenceError| {
        let problem = DocumentError::new(error.to_string(), text.place.clone());
        match &error {
            oci::ReferenceError::ShortName { instead, .. } => problem.help(format!("from = \"{instead}\"")),
            _ => problem,
        }
    })?;
    if reference.selector == Selector::default() {
        return Ok(reference);
    }
    let bare = RegistryReference { selector: Selector::default(), ..reference };
    Err(DocumentError::new("this names an image, not a repository", text.place.clone())
        .help(format!("from = \"{bare}\"   # and the tag in `tags`")))
}

fn destination(place: &str, text: &Text<'_>) -> Result<Reference> {
    let wrong = |message: String| DocumentError::new(message, text.place.clone());
    let reference: Reference = place.parse().map_err(|error: oci::ReferenceError| wrong(error.to_string()))?;
    if let Reference::Archive { .. } | Reference::DockerArchive { .. } = reference {
        return Err(wrong("an archive is written once and cannot be kept in step".to_owned()).help("to = \"oci:DIR\""));
    }
    if reference.selector() != Selector::default() {
        return Err(wrong("the tags are those of the source, so `to` has none".to_owned())
            .help(format!("to = \"{}\"", reference.with_selector(Selector::default()))));
    }
    Ok(reference)
}

/// Keys that say something about versions.
const ABOUT_VERSIONS: [&str; 7] = ["version", "tag", "scheme", "axes", "schemes", "variant", "keep"];

fn wanted(table: &Table<'_>, source: &RegistryReference, from: &Text<'_>) -> Result<Wanted> {
    let globs = |name: &str| -> Result<Option<Vec<Glob>>> {
        let Some(texts) = table.texts(name) else { return Ok(None) };
        let glob = |text: &Text<'_>| {
            Glob::parse(text.text).ok_or_else(|| {
                let message = format!("`{}` matches no tag", text.text.escape_debug());
                DocumentError::new(message, text.place.clone()).label("letters, digits, `.`, `-`, `_`, `*` and `?`")
            })
        };
        texts.iter().map(glob).collect::<Result<_>>().map(Some)
    };
    let versions = if ABOUT_VERSIONS.iter().any(|key| table.has(key)) {
        Some(VersionRule { image: image(table, source, from)?, keep: table.count("keep") })
    } else {
        None
    };
    Ok(Wanted { versions, tags: globs("tags")?, except: globs("except")?.unwrap_or_default() })
}

/// Reads what is wanted of versions as a project does.
fn image(table: &Table<'_>, source: &RegistryReference, from: &Text<'_>) -> Result<Image> {
    let scheme = table.text("scheme").map_or_else(|| Ok(Scheme::default()), |text| read::scheme(&text))?;
    let version = match table.text("version") {
        Some(text) => read::requirement(&text, &scheme)?,
        None => Requirement::any(),
    };
    let template = table.text("tag").map(|text| read::template(&text)).transpose()?;
    let variant = table.text("variant");
    if let (Some(_), Some(variant)) = (&template, &variant) {
        return Err(DocumentError::new("`variant` and `tag` say the same twice", variant.place.clone())
            .help("keep `tag` and say what is wanted of its axes with `axes`"));
    }
    Ok(Image {
        repository: source.clone(),
        version,
        axes: read::axes(table, template.as_ref())?,
        template,
        scheme,
        variant: variant.map(|text| text.text.to_owned()),
        prerelease: table.text("prerelease").map(|text| read::prerelease(text.text)),
        follows: None,
        optional: false,
        groups: std::collections::BTreeSet::new(),
        platforms: None,
        hold: false,
        cooldown: None,
        places: Places { name: from.place.clone(), version: from.place.clone(), follows: from.place.clone() },
    })
}
