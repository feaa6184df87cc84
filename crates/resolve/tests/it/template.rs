//! Templates of tags.

use resolve::{Scheme, Template};

/// Reads a tag and shows the values.
fn read(template: &str, tag: &str) -> Option<String> {
    let scheme_of = |axis: &str| match axis {
        "os" => "codename:debian".parse().unwrap(),
        "node" | "build" => Scheme::Integer,
        "variant" => Scheme::Opaque,
        _ => Scheme::Dotted,
    };
    let values = Template::parse(template).unwrap().read(tag, scheme_of)?;
    Some(values.iter().map(|(axis, value)| format!("{axis}={value}")).collect::<Vec<_>>().join(" "))
}

#[test]
fn tags_are_read_axis_by_axis() {
    assert_eq!(read("{version}-{os}", "4.1.9-bookworm").as_deref(), Some("os=bookworm version=4.1.9"));
    assert_eq!(read("{version}-{os}", "4.1.9-noble"), None);
    assert_eq!(read("{version}-{os}", "4.1.9"), None);
    assert_eq!(read("{version}-{node}-{os}", "4.0.13-24-trixie").as_deref(), Some("node=24 os=trixie version=4.0.13"));
    assert_eq!(read("{version}-alpine{alpine}", "3.12-alpine3.19").as_deref(), Some("alpine=3.19 version=3.12"));
    assert_eq!(read("{variant}-{version}", "alpine-2.3.0").as_deref(), Some("variant=alpine version=2.3.0"));
    assert_eq!(read("{v?}{version}", "v1.2.3").as_deref(), Some("version=1.2.3"));
    assert_eq!(read("{v?}{version}", "1.2.3").as_deref(), Some("version=1.2.3"));
    assert_eq!(read("release-{version}", "1.2.3"), None);
}

#[test]
fn the_first_axis_takes_what_it_can() {
    // `1.0-5` is a version with a build; the last number is left to the axis after it.
    assert_eq!(read("{version}-{build}", "1.0-5-7").as_deref(), Some("build=7 version=1.0+5"));
    assert_eq!(read("{variant}-{version}", "a-b-1.0-2").as_deref(), Some("variant=a-b-1.0 version=2"));
}

#[test]
fn errors_point_into_the_template() {
    let error = |text: &str| {
        let error = Template::parse(text).unwrap_err();
        (error.start, error.length, error.reason)
    };
    assert_eq!(error("{version"), (0, 8, "has a `{` without its `}`".to_owned()));
    assert_eq!(error("{version}-{Os}").0, 10);
    assert_eq!(error("{version}-{version}").0, 10);
    assert_eq!(error("{version}{os}").0, 9);
    assert_eq!(error("{os}").2, "has no `{version}`");
    assert_eq!(error("{version}/x").0, 9);
    assert_eq!(error("{version}-{}").0, 10);
}

#[test]
fn a_tag_that_could_be_read_in_very_many_ways_is_read_at_once() {
    let template = "{a}-{b}-{c}-{d}-{e}-{f}-{variant}-{version}";
    let template = Template::parse(template).unwrap();
    let tag = "a-".repeat(64);
    let scheme_of = |axis: &str| if axis == "version" { Scheme::Integer } else { Scheme::Opaque };
    assert!(template.read(&tag, scheme_of).is_none());
}
