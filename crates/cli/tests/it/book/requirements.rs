//! What the book says of requirements and templates is so.

use ops::resolve::{Requirement, Scheme, Template};

use super::page::{page, rows, unquoted};

fn values(cell: &str) -> impl Iterator<Item = &str> {
    cell.split(", ").filter(|value| *value != "-").map(|value| unquoted(value).unwrap_or_else(|| panic!("{value}")))
}

#[test]
fn requirements_want_what_the_book_says() {
    let page = page("requirements.md");
    let mut count = 0;
    let sections = ["## Operators", "## By scheme", "## Prereleases"];
    for row in sections.iter().flat_map(|heading| rows(&page.section(heading))) {
        let [requirement, scheme, wanted, unwanted] = &row[..] else { panic!("{row:?}") };
        let scheme: Scheme = unquoted(scheme).unwrap().parse().unwrap();
        let requirement = Requirement::parse(unquoted(requirement).unwrap(), &scheme).unwrap();
        for (cell, is_wanted) in [(wanted, true), (unwanted, false)] {
            for value in values(cell) {
                let read = scheme.read(value).unwrap_or_else(|| panic!("{value} is no {scheme} value"));
                assert_eq!(requirement.matches(&read), is_wanted, "{requirement} and {value}");
                count += 1;
            }
        }
    }
    assert!(count > 40, "{count} values");
}

#[test]
fn the_order_of_versions_is_what_the_book_says() {
    let page = page("tags.md");
    let rows = rows(&page.section("## Schemes"));
    assert!(rows.len() >= 8, "{rows:?}");
    for row in &rows {
        let scheme: Scheme = unquoted(&row[0]).unwrap().parse().unwrap();
        let ordered = row[2].split(" < ").map(|value| scheme.read(unquoted(value).unwrap()));
        let ordered: Vec<_> = ordered.map(|value| value.unwrap_or_else(|| panic!("{row:?}"))).collect();
        assert!(ordered.windows(2).all(|pair| pair[0] < pair[1]), "{row:?}");
        for value in values(&row[3]) {
            assert!(scheme.read(value).is_none(), "{value} is a {scheme} value");
        }
    }
}

#[test]
fn templates_read_what_the_book_says() {
    let page = page("tags.md");
    let rows = rows(&page.section("## Templates"));
    assert!(rows.len() >= 5, "{rows:?}");
    for row in &rows {
        let [template, tag, expected] = &row[..] else { panic!("{row:?}") };
        let template = Template::parse(unquoted(template).unwrap()).unwrap();
        let scheme_of = |axis: &str| if axis == "version" { Scheme::Dotted } else { Scheme::Opaque };
        let read = template.read(unquoted(tag).unwrap(), scheme_of);
        let told = match read {
            None => "is not read".to_owned(),
            Some(axes) if axes.is_empty() => "is the one tag".to_owned(),
            Some(axes) => {
                let axes = axes.iter().map(|(name, value)| format!("{name} `{value}`"));
                axes.collect::<Vec<_>>().join(", ")
            }
        };
        assert_eq!(*expected, told, "{row:?}");
    }
}
