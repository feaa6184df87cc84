//! The observation log: what it tells, and that logs can be merged in any order.

use oci::{Digest, Tag, Timestamp};
use proptest::prelude::*;
use resolve::observation::{
    Answers, Known, LOG_MAX_BYTES, LogText, Observations, Seen, Sighting, header, sighting_line, went_back,
};

fn moment(seconds: i64) -> Timestamp {
    Timestamp::from_seconds(1_700_000_000 + seconds).unwrap()
}

fn tag(text: &str) -> Tag {
    text.parse().unwrap()
}

fn digest(number: u8) -> Digest {
    oci::Algorithm::Sha256.digest(&[number])
}

fn names(at: i64, name: &str, number: u8) -> Sighting {
    Sighting::Tag { moment: moment(at), tag: tag(name), seen: Seen::Names(digest(number)), source: None }
}

fn sighting() -> impl Strategy<Value = Sighting> {
    let seen =
        prop_oneof![Just(Seen::Gone), Just(Seen::Listed), (0_u8..4).prop_map(|number| Seen::Names(digest(number)))];
    let source = prop_oneof![Just(None), "[a-z]{1,3}".prop_map(Some)];
    (0_i64..50, prop_oneof![Just(None), "[a-c]".prop_map(Some)], seen, source).prop_map(|(at, name, seen, source)| {
        let moment = moment(at * 1000);
        match name {
            Some(name) => Sighting::Tag { moment, tag: tag(&name), seen, source },
            None => Sighting::Listing { moment, source },
        }
    })
}

fn log() -> impl Strategy<Value = Observations> {
    prop::collection::vec(sighting(), 0..40).prop_map(|sightings| sightings.into_iter().collect())
}

fn merged(one: &Observations, other: &Observations) -> Observations {
    let mut log = one.clone();
    log.merge(other);
    log
}

fn text(log: &Observations) -> String {
    header(&"registry.example/app".parse().unwrap()) + &log.lines()
}

proptest! {
    #[test]
    fn logs_are_merged_in_any_order_and_as_often_as_one_likes(one in log(), two in log(), three in log()) {
        prop_assert_eq!(merged(&one, &two), merged(&two, &one));
        prop_assert_eq!(merged(&merged(&one, &two), &three), merged(&one, &merged(&two, &three)));
        prop_assert_eq!(merged(&merged(&one, &two), &two), merged(&one, &two));
    }

    #[test]
    fn what_is_written_is_read(log in log()) {
        prop_assert_eq!(Observations::parse(text(&log).as_bytes()), (log, Vec::new()));
    }

    #[test]
    fn no_bytes_are_too_strange(bytes in prop::collection::vec(any::<u8>(), 0..400), log in log()) {
        let mut bytes = [text(&log).into_bytes(), bytes].concat();
        let (read, _) = Observations::parse(&bytes);
        prop_assert!(read.len() >= log.len());
        bytes.truncate(bytes.len() / 2);
        let _ = Observations::parse(&bytes);
    }

    #[test]
    fn a_log_is_shrunk_to_its_limit_and_left_alone_below_it(log in log()) {
        let mut shrunk = log.clone();
        let limit = log.lines().len();
        shrunk.shrink(limit);
        prop_assert_eq!(&shrunk, &log);
        shrunk.shrink(limit / 2);
        prop_assert!(shrunk.lines().len() <= limit / 2);
    }
}

#[test]
fn what_was_seen_last_counts() {
    let mut log: Observations = [names(0, "1", 1), names(100, "1", 2), names(200, "1", 1)].into_iter().collect();
    let named = |number| Known::Named(digest(number));
    let known: Vec<Known> = [-1, 0, 99, 100, 200].map(|at| log.at(&tag("1"), moment(at))).to_vec();
    assert_eq!(known, [Known::Nothing, named(1), named(1), named(2), named(1)]);
    assert_eq!(went_back(&log.periods(&tag("1")), &digest(2), &digest(1)).unwrap().last, moment(0));
    assert!(went_back(&log.periods(&tag("1")), &digest(2), &digest(3)).is_none());
    // In one second nothing comes before the other, whatever their digests are.
    for (before, now) in [(1, 2), (2, 1)] {
        let log: Observations = [names(0, "1", before), names(0, "1", now)].into_iter().collect();
        assert_eq!(went_back(&log.periods(&tag("1")), &digest(before), &digest(now)), None);
    }
    let gone = Sighting::Tag { moment: moment(300), tag: tag("1"), seen: Seen::Gone, source: None };
    log.insert(gone);
    assert_eq!(log.at(&tag("1"), moment(300)), Known::Gone);
}

#[test]
fn a_list_speaks_for_a_day() {
    let mut log = Observations::default();
    let listed =
        |tags: &[&str]| Answers { listed: Some(tags.iter().map(|name| tag(name)).collect()), ..Answers::default() };
    for (at, tags) in [(0, &["1", "2"][..]), (1000, &["1", "2"]), (2000, &["2", "3"])] {
        log.news(&listed(tags), moment(at)).into_iter().for_each(|sighting| log.insert(sighting));
    }
    // The second list had nothing new.
    assert_eq!(log.len(), 6);
    assert_eq!(log.tags_at(moment(-1)), None);
    assert_eq!(log.tags_at(moment(1999)), Some(vec![tag("1"), tag("2")]));
    assert_eq!(log.tags_at(moment(2000)), Some(vec![tag("2"), tag("3")]));
    assert_eq!(log.tags_at(moment(2000 + 86_400)), None);
}

#[test]
fn what_is_larger_than_is_read_is_told() {
    let line = sighting_line(&names(0, "1", 1));
    let text = "first\n".to_owned() + &line.repeat(LOG_MAX_BYTES / line.len() + 1);
    let (log, skipped) = Observations::parse(text.as_bytes());
    assert_eq!(log.len(), 1);
    assert!(skipped.last().unwrap().to_string().contains("the end of the log"));
}

#[test]
fn what_a_newer_program_has_written_stays() {
    let repository = "registry.example/app".parse().unwrap();
    let (own, newer) = (sighting_line(&names(0, "1", 1)), "2026-01-01T00:00:00Z\t1\tsigned\tby somebody\n");
    let text = format!("supercargo.observations.v2\tregistry.example/app\tmore\n{newer}{own}{newer}\u{1}torn");
    let read = LogText::parse(text.as_bytes());
    assert_eq!((read.log.len(), &*read.not_understood), (1, &*newer.repeat(2)));
    assert_eq!(read.torn.as_ref().map(|line| line.line), Some(5));
    let first = "supercargo.observations.v2\tregistry.example/app\tmore\n";
    assert_eq!(read.clone().mended(&repository, LOG_MAX_BYTES), format!("{first}{newer}{newer}{own}"));
    // Where there is little room the last lines stay, and of what is understood what fits.
    let limit = newer.len() * 2 + 2;
    assert_eq!(read.mended(&repository, limit), format!("{first}{newer}"));
    // A first line that is none is written anew, and bytes that are no text go.
    let broken = LogText::parse(&[own.as_bytes(), b"\xff\n", own.as_bytes()].concat());
    assert_eq!(broken.torn, None);
    assert_eq!(broken.mended(&repository, LOG_MAX_BYTES), header(&repository) + &own);
}

#[test]
fn a_log_that_is_too_large_loses_first_what_no_answer_needs() {
    let sightings = (0..10).map(|at| names(at * 10, "1", u8::from(at >= 5)));
    let mut log: Observations = sightings.collect();
    let (periods, size) = (log.periods(&tag("1")), log.lines().len());
    log.shrink(size / 2);
    assert_eq!((log.len(), log.periods(&tag("1"))), (4, periods));
    log.shrink(size / 5);
    assert_eq!((log.len(), log.at(&tag("1"), moment(100))), (2, Known::Named(digest(1))));
}

#[test]
fn what_others_have_seen_is_forgotten_before_what_was_seen_here() {
    let mut own: Observations = (0..10).map(|number| names(number, &format!("own-{number}"), 1)).collect();
    let theirs = (0..1000).map(|number| names(100 + number, &format!("theirs-{number}"), 2));
    let theirs: Observations =
        theirs.map(|sighting| sighting.with_source(Some("registry.example/log:1".to_owned()))).collect();
    let limit = own.lines().len() + theirs.lines().len() / 10;
    let kept = own.clone();
    own.merge(&theirs);
    own.shrink(limit);
    assert!(own.lines().len() <= limit);
    let left: Vec<Sighting> = own.sightings().filter(|sighting| sighting.source().is_none()).collect();
    assert_eq!(left, kept.sightings().collect::<Vec<_>>());
    assert!(own.len() > kept.len());
}
