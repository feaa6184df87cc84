use std::collections::BTreeMap;

use oci::Mark;
use oci::limits::{MARK_MAX_BYTES, MARK_REASON_MAX_BYTES};
use oci::mark::{MICROSOFT_END_OF_LIFE, MarkError};

const DOCUMENTATION: &str = include_str!("../../../../docs/formats/lifecycle.md");

fn read(text: &str) -> Result<Mark, MarkError> {
    Mark::parse(text.as_bytes())
}

#[test]
fn the_examples_of_the_documentation_are_read_and_written_again() {
    let examples: Vec<&str> =
        DOCUMENTATION.split("```json\n").skip(1).filter_map(|rest| rest.split("\n```").next()).collect();
    assert!(examples.len() >= 2, "{examples:?}");
    for example in examples {
        let mark = read(example).unwrap();
        assert_eq!(Mark::parse(&mark.to_json().unwrap()).unwrap(), mark);
        let written: serde_json::Value = serde_json::from_slice(&mark.to_json().unwrap()).unwrap();
        assert_eq!(written, serde_json::from_str::<serde_json::Value>(example).unwrap());
    }
}

#[test]
fn fields_of_later_versions_are_left_out() {
    let mark = read(r#"{"schema":"supercargo.lifecycle.v1","yanked":true,"advisories":["x"]}"#).unwrap();
    assert_eq!(mark, Mark { yanked: true, ..Mark::default() });
}

#[test]
fn a_mark_that_says_nothing_is_none() {
    for text in [
        r#"{"schema":"supercargo.lifecycle.v1"}"#,
        r#"{"schema":"supercargo.lifecycle.v1","yanked":false,"reason":"because"}"#,
    ] {
        assert!(matches!(read(text), Err(MarkError::Empty)), "{text}");
    }
    assert!(matches!(Mark::default().to_json(), Err(MarkError::Empty)));
}

#[test]
fn what_is_no_mark_is_refused() {
    let json = |text: &str| assert!(matches!(read(text), Err(MarkError::Json(_))), "{text}");
    json("");
    json("[]");
    json(r#"{"yanked":true}"#);
    json(r#"{"schema":"supercargo.lifecycle.v1","yanked":"yes"}"#);
    let refused = |rest: &str| read(&format!(r#"{{"schema":"supercargo.lifecycle.v1",{rest}}}"#)).unwrap_err();
    assert!(matches!(refused(r#""end_of_life":"soon""#), MarkError::Date(_)));
    assert!(matches!(refused(r#""superseded_by":"shop""#), MarkError::Reference(_)));
    assert!(matches!(read(r#"{"schema":"supercargo.lifecycle.v2","yanked":true}"#), Err(MarkError::Schema(_))));
    let long = "x".repeat(MARK_REASON_MAX_BYTES + 1);
    assert!(matches!(refused(&format!(r#""yanked":true,"reason":"{long}""#)), MarkError::LongReason { .. }));
    let large = vec![b' '; MARK_MAX_BYTES + 1];
    assert!(matches!(Mark::parse(&large), Err(MarkError::TooLarge { .. })));
}

#[test]
fn the_end_of_life_of_microsofts_images_is_read() {
    let said = |text: &str| {
        let annotations = BTreeMap::from([(MICROSOFT_END_OF_LIFE.to_owned(), text.to_owned())]);
        Mark::from_microsoft(&annotations).map(|mark| mark.end_of_life.unwrap().to_string())
    };
    assert_eq!(said("2024-03-15").unwrap(), "2024-03-15");
    assert_eq!(said("2024-03-15T00:00:00Z").unwrap(), "2024-03-15");
    assert!(matches!(said("next year"), Err(MarkError::Date(_))));
    assert!(matches!(Mark::from_microsoft(&BTreeMap::new()), Err(MarkError::Empty)));
}
