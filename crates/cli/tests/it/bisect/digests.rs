//! The digests that one tag has had.

use super::{find, logarithm, plant, without};
use crate::desk::Desk;
use crate::server::Server;

#[test]
fn the_first_bad_digest_of_a_moving_tag_is_found_and_what_is_gone_is_left_out() {
    let (desk, server) = (Desk::new(), Server::new());
    let (planted, layer) = plant(&desk, &server, "app", 24, 14);
    let latest = server.at("app:latest");
    let mut lines = "# what `latest` was\n".to_owned();
    for (number, image) in planted.iter().enumerate() {
        lines.extend([image.digest.to_string(), "\n".to_owned()]);
        if [12, 18, 19].contains(&number) {
            desk.ok(&["delete", &server.at(&format!("app@{}", image.digest)), "-q"]);
        }
    }
    desk.ok(&["tag", &server.at("app:1.23.0"), "latest"]);
    desk.write("digests.txt", &lines);
    for jobs in [1, 3] {
        let jobs_text = jobs.to_string();
        let arguments =
            ["--over", "digests", "--tag", &latest, "--digests", "digests.txt", "--jobs", &jobs_text, "--no-cache"];
        let found = find(&desk, &arguments, &without(&layer));
        assert_eq!(found["candidates"], 24);
        assert_eq!(found["first_bad"]["label"], planted[14].digest.to_string());
        assert_eq!(found["last_good"]["label"], planted[13].digest.to_string());
        assert!(found["rounds"].as_u64().unwrap() <= logarithm(24, jobs + 1) + 1, "{found}");
    }
    let absent = [12, 18, 19].map(|number: usize| planted[number].digest.to_string());
    assert!(desk.runs().iter().all(|run| !absent.iter().any(|digest| run.ends_with(digest))));
}

#[test]
fn digests_may_be_typed_and_ends_be_named() {
    let (desk, server) = (Desk::new(), Server::new());
    let (planted, layer) = plant(&desk, &server, "app", 6, 3);
    let digests: Vec<String> = planted.iter().map(|image| image.digest.to_string()).collect();
    let latest = server.at("app");
    let mut arguments = vec!["--over", "digests", "--tag", &latest, "--good", &digests[1], "--bad", &digests[4]];
    for digest in &digests {
        arguments.extend(["--digest", digest]);
    }
    let found = find(&desk, &arguments, &without(&layer));
    assert_eq!((&found["candidates"], &found["first_bad"]["label"]), (&4.into(), &digests[3].clone().into()));
}

#[test]
fn what_a_tag_was_seen_to_name_is_searched_where_no_digests_are_given() {
    let (desk, server) = (Desk::new(), Server::new());
    let (planted, layer) = plant(&desk, &server, "app", 9, 6);
    let latest = server.at("app:latest");
    let error = desk.fails(&["bisect", "run", "--over", "digests", "--tag", &latest, "--", "true"], 2);
    assert!(error.contains("nobody has seen what the tag latest of"), "{error}");
    for number in 0..planted.len() {
        let mut command = desk.command(&["tag", &server.at(&format!("app:1.{number}.0")), "latest", "-q"]);
        let moment = format!("2026-01-{:02}T10:00:00Z", number + 1);
        assert!(command.env("SUPERCARGO_NOW", moment).output().unwrap().status.success());
    }
    let found = find(&desk, &["--over", "digests", "--tag", &latest], &without(&layer));
    assert_eq!(found["candidates"], 9);
    assert_eq!(found["first_bad"]["label"], planted[6].digest.to_string());
}
