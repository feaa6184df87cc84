//! Where facts stand: annotations, labels and fields, by their keys.

use std::collections::BTreeMap;

use oci::annotation::{self, label_schema, plain};
use oci::{Digest, ImageConfig, Package, Platform, Timestamp};

use super::fact::{Evidence, Fact, Source};

/// A fact and the keys under which it is written.
struct Keys {
    name: &'static str,
    /// The pre-defined annotation, or what stands for one.
    defined: &'static str,
    /// Labels of label-schema.org.
    older: Option<&'static str>,
    /// Labels without a name space.
    plain: &'static [&'static str],
}

const fn keys(
    name: &'static str,
    defined: &'static str,
    older: Option<&'static str>,
    plain: &'static [&'static str],
) -> Keys {
    Keys { name, defined, older, plain }
}

/// Every fact that is written under keys, in the order in which facts are shown.
const FACTS: [Keys; 14] = [
    keys("name", annotation::CONTAINERD_IMAGE_NAME, None, &[plain::NAME]),
    keys("title", annotation::TITLE, Some(label_schema::NAME), &[plain::SUMMARY]),
    keys("version", annotation::VERSION, Some(label_schema::VERSION), &[plain::VERSION]),
    keys("description", annotation::DESCRIPTION, Some(label_schema::DESCRIPTION), &[plain::DESCRIPTION]),
    keys("licenses", annotation::LICENSES, Some(label_schema::LICENSE), &[]),
    keys("copyright", annotation::COPYRIGHT, None, &[plain::COPYRIGHT]),
    keys("vendor", annotation::VENDOR, Some(label_schema::VENDOR), &[plain::VENDOR]),
    keys("authors", annotation::AUTHORS, None, &[plain::MAINTAINER]),
    keys("created", annotation::CREATED, Some(label_schema::BUILD_DATE), &[plain::BUILD_DATE]),
    keys("source", annotation::SOURCE, Some(label_schema::VCS_URL), &[]),
    keys("revision", annotation::REVISION, Some(label_schema::VCS_REF), &[plain::VCS_REF]),
    keys("url", annotation::URL, Some(label_schema::URL), &[plain::URL]),
    keys("documentation", annotation::DOCUMENTATION, Some(label_schema::USAGE), &[]),
    keys("base", annotation::BASE_NAME, None, &[]),
];

/// Labels without a name space that mean something wherever they stand.
const PLAIN_EVERYWHERE: [&str; 2] = [plain::MAINTAINER, plain::COPYRIGHT];

/// What an image should state; what of it nobody states is said too. `authors` and `vendor` are one: somebody has to answer for it.
const EXPECTED: [(&str, &[&str]); 7] = [
    ("version", &["version"]),
    ("licenses", &["licenses"]),
    ("copyright", &["copyright"]),
    ("authors or vendor", &["authors", "vendor"]),
    ("created", &["created"]),
    ("source", &["source"]),
    ("revision", &["revision"]),
];

/// Something in which facts are written.
#[derive(Clone, Copy)]
pub(super) struct Origin<'a> {
    pub(super) evidence: Evidence,
    pub(super) words: Words<'a>,
    /// Of which of several images.
    pub(super) platform: Option<&'a Platform>,
}

/// What is written.
#[derive(Clone, Copy)]
pub(super) enum Words<'a> {
    /// Annotations or labels.
    Map(&'a BTreeMap<String, String>),
    /// Fields of a configuration.
    Fields(&'a ImageConfig),
    /// A package descriptor, and the artifact that it is in.
    Package(&'a Package, &'a Digest),
    /// One fact, by its name.
    Fact(&'static str, &'a str),
}

/// What is said of one fact, with how much it counts: the kind of key first, then in what it is written.
type Said = ((usize, Evidence), (String, Source));

impl Origin<'_> {
    fn say(&self, keys: &Keys, said: &mut Vec<Said>) {
        let mut add = |kind: usize, evidence: Evidence, key: Option<&str>, value: &str| {
            let source = Source {
                evidence: self.evidence,
                key: key.map(str::to_owned),
                platform: self.platform.cloned(),
                artifact: None,
            };
            said.push(((kind, evidence), (value.to_owned(), source)));
        };
        match self.words {
            // Where an image is, is its name; what it is called there says little beside what is written in it.
            Words::Fact(name, value) if name == keys.name => match self.evidence {
                Evidence::Registry => add(0, Evidence::Index, None, value),
                evidence => add(3, evidence, None, value),
            },
            Words::Fact(..) => {}
            Words::Package(package, artifact) => {
                let value = match keys.name {
                    "title" => package.name.clone(),
                    "version" => package.version.clone(),
                    "licenses" => package.license.clone(),
                    "vendor" => package.supplier.clone(),
                    "source" => package.source.clone(),
                    "created" => package.created.map(|created| created.to_string()),
                    _ => None,
                };
                if let Some(value) = value {
                    let source =
                        Source { evidence: self.evidence, key: None, platform: None, artifact: Some(*artifact) };
                    // It was written for the image as a whole, by whoever publishes it.
                    said.push(((0, Evidence::Index), (value, source)));
                }
            }
            Words::Fields(config) => {
                let (value, rank) = match keys.name {
                    // Every build writes it anew, while labels are those of the base unless somebody sets them.
                    "created" => (&config.created, Evidence::Descriptor),
                    "authors" => (&config.author, Evidence::Configuration),
                    _ => return,
                };
                if let Some(value) = value {
                    add(0, rank, None, value);
                }
            }
            Words::Map(map) => {
                let is_label = self.evidence == Evidence::Label;
                let gated = |key: &str| PLAIN_EVERYWHERE.contains(&key) || map.contains_key(plain::COMPONENT);
                let plain = keys.plain.iter().filter(|key| is_label && gated(key)).map(|key| (2, *key));
                let listed = std::iter::once((0, keys.defined)).chain(keys.older.map(|key| (1, key))).chain(plain);
                for (kind, key) in listed {
                    if let Some(value) = map.get(key) {
                        add(kind, self.evidence, Some(key), value);
                    }
                }
            }
        }
    }
}

/// Gathers what is said in several places, each fact once.
pub(super) fn facts(origins: &[Origin<'_>], now: Option<Timestamp>) -> Vec<Fact> {
    let fact = |keys: &Keys| {
        let mut said: Vec<Said> = Vec::new();
        for origin in origins {
            origin.say(keys, &mut said);
        }
        said.sort_by_key(|(rank, _)| *rank);
        Fact::of(keys.name, said.into_iter().map(|(_, said)| said), now)
    };
    FACTS.iter().filter_map(fact).collect()
}

/// Lists what an image should state and nobody states. A constant is no date.
pub(super) fn unstated(facts: &[Fact]) -> Vec<&'static str> {
    let is_stated = |name: &str| {
        let fact = facts.iter().find(|fact| fact.name == name);
        fact.is_some_and(|fact| fact.note != Some(super::fact::NO_DATE))
    };
    let missing = EXPECTED.iter().filter(|(_, names)| !names.iter().any(|name| is_stated(name)));
    missing.map(|(shown, _)| *shown).collect()
}
