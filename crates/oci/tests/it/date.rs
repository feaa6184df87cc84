use oci::{Date, Timestamp};
use proptest::prelude::*;

fn moment(text: &str) -> Timestamp {
    text.parse().unwrap()
}

#[test]
fn days_of_the_calendar_are_read_and_others_refused() {
    for text in ["0000-01-01", "2000-02-29", "2024-02-29", "2026-12-31", "9999-12-31"] {
        assert_eq!(text.parse::<Date>().unwrap().to_string(), text);
    }
    let wrong = [
        "",
        "2026",
        "2026-1-1",
        "2026-13-01",
        "2026-00-01",
        "2026-04-31",
        "2026-01-00",
        "1900-02-29",
        "2023-02-29",
        "2026-01-01 ",
        "20260101",
        "+026-01-01",
        "２026-01-01",
        "2026-01-01T00:00:00Z",
        "10000-01-01",
    ];
    for text in wrong {
        assert!(text.parse::<Date>().is_err(), "{text}");
    }
}

#[test]
fn moments_are_counted_from_1970() {
    assert_eq!(moment("1970-01-01T00:00:00Z").seconds(), 0);
    // date -u -d 2024-02-29T23:59:59Z +%s, and likewise
    assert_eq!(moment("2024-02-29T23:59:59Z").seconds(), 1_709_251_199);
    assert_eq!(moment("0001-01-01T00:00:00Z").seconds(), -62_135_596_800);
    assert_eq!(moment("9999-12-31T23:59:59Z").seconds(), 253_402_300_799);
    assert_eq!(moment("2026-01-02t03:04:05.123456789z"), moment("2026-01-02T03:04:05Z"));
    assert_eq!(moment("2026-01-02T00:30:00+01:00"), moment("2026-01-01T23:30:00Z"));
    assert_eq!(moment("2026-01-01T19:30:00-04:00").date().to_string(), "2026-01-01");
    assert_eq!(moment("2016-12-31T23:59:60Z"), moment("2017-01-01T00:00:00Z"));
}

#[test]
fn what_is_no_moment_is_refused() {
    let wrong = [
        "",
        "2026-01-02",
        "2026-01-02T03:04",
        "2026-01-02T03:04:05",
        "2026-01-02T24:00:00Z",
        "2026-01-02T03:60:00Z",
        "2026-01-02T03:04:61Z",
        "2026-01-02T03:04:05.Z",
        "2026-01-02T03:04:05+1:00",
        "2026-01-02T03:04:05ZZ",
        "9999-12-31T23:59:59-01:00",
        "0000-01-01T00:00:00+01:00",
    ];
    for text in wrong {
        assert!(text.parse::<Timestamp>().is_err(), "{text}");
    }
    assert_eq!(Timestamp::from_seconds(i64::MAX), None);
    assert_eq!(Timestamp::from_seconds(i64::MIN), None);
}

proptest! {
    #[test]
    fn a_moment_is_shown_as_text_that_reads_as_the_same(seconds in -62_167_219_200i64..=253_402_300_799) {
        let moment = Timestamp::from_seconds(seconds).unwrap();
        prop_assert_eq!(moment.to_string().parse::<Timestamp>().unwrap(), moment);
        let midnight = Timestamp::from(moment.date()).seconds();
        prop_assert!((midnight..midnight + 86_400).contains(&seconds));
    }

    #[test]
    fn no_text_makes_the_parsers_panic(text in "\\PC{0,40}|[0-9TZ:.+-]{0,30}") {
        let _ = text.parse::<Date>();
        let _ = text.parse::<Timestamp>();
    }
}
