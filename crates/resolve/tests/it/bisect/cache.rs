//! Verdicts that are kept.

use std::num::NonZeroU32;

use oci::Digest;
use resolve::bisect::{Rule, Verdict, VerdictCache};

fn command(text: &str) -> Digest {
    Digest::sha256(text.as_bytes())
}

#[test]
fn a_verdict_is_known_for_the_same_thing_and_the_same_command_only() {
    let mut cache = VerdictCache::default();
    cache.add("sha256:a", command("test"), Verdict::Bad).unwrap();
    assert_eq!(cache.verdict("sha256:a", command("test"), Rule::ONCE), Some(Verdict::Bad));
    assert_eq!(cache.verdict("sha256:b", command("test"), Rule::ONCE), None);
    assert_eq!(cache.verdict("sha256:a", command("test -v"), Rule::ONCE), None);
}

#[test]
fn a_session_with_more_runs_is_not_given_a_verdict_of_fewer() {
    let mut cache = VerdictCache::default();
    let three = Rule::AnyBad(NonZeroU32::new(3).unwrap());
    for known in [None, None, Some(Verdict::Good)] {
        cache.add("a", command("test"), Verdict::Good).unwrap();
        assert_eq!(cache.verdict("a", command("test"), Rule::ONCE), Some(Verdict::Good));
        assert_eq!(cache.verdict("a", command("test"), three), known);
    }
}

#[test]
fn what_was_skipped_is_not_kept() {
    let mut cache = VerdictCache::default();
    assert_eq!(cache.add("a", command("test"), Verdict::Skip), None);
    assert_eq!(cache, VerdictCache::default());
}

#[test]
fn lines_are_appended_and_the_last_one_counts() {
    let mut cache = VerdictCache::default();
    let mut file = cache.encode();
    for (key, verdict) in [("b", Verdict::Good), ("a", Verdict::Good), ("a", Verdict::Bad)] {
        file += &cache.add(key, command("test"), verdict).unwrap();
    }
    assert_eq!(VerdictCache::parse(file.as_bytes()).unwrap().value, cache);
    assert_eq!(file.lines().count(), 4);
    insta::assert_snapshot!(cache.encode(), @r#"
    {"schema":"supercargo.bisect-verdicts.v1"}
    {"key":"a","command":"sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08","good":1,"bad":1}
    {"key":"b","command":"sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08","good":1,"bad":0}
    "#);
    assert_eq!(VerdictCache::parse(cache.encode().as_bytes()).unwrap().value, cache);
    // The writer was killed in the middle of a line.
    let intact = file.len();
    file += "{\"key\":\"c\",\"comm";
    let parsed = VerdictCache::parse(file.as_bytes()).unwrap();
    assert_eq!((parsed.value, parsed.intact), (cache, intact));
}

#[test]
fn what_is_no_cache_is_refused_with_its_place() {
    let refused = |text: &str| VerdictCache::parse(text.as_bytes()).unwrap_err().to_string();
    let head = VerdictCache::default().encode();
    insta::assert_snapshot!(refused(""), @r#"the log has no complete first line"#);
    insta::assert_snapshot!(refused("{\"schema\":\"supercargo.bisect-verdicts.v2\"}\n"), @r#"line 1: the schema is `supercargo.bisect-verdicts.v2`, not `supercargo.bisect-verdicts.v1`"#);
    insta::assert_snapshot!(refused(&format!("{head}[\"a\"]\n")), @r#"line 2, column 1: not a JSON object"#);
    insta::assert_snapshot!(refused(&format!("{head}{{\"key\":1}}\n")), @r#"line 2, column 8: invalid type: integer `1`, expected a string"#);
    insta::assert_snapshot!(refused(&format!("{head}{{\"key\":\"a\",\"\u{202e}\":1}}\n")), @r#"line 2, column 16: unknown field `\u{202e}`, expected one of `key`, `command`, `good`, `bad`"#);
    insta::assert_snapshot!(VerdictCache::parse(&vec![b' '; 64 * 1024 * 1024 + 1]).unwrap_err(), @r#"the log has 67108865 bytes, the limit is 67108864"#);
}
