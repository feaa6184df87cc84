//! Who comes in: by passwords, by keys, and what is told of it.

use std::time::Duration;

use registry::RegistryOptions;
use registry::access::{AccessOptions, Action, ApiKey, Groups, LineProblem, NAME_MAX_BYTES, Users, UsersError};

use crate::people::{Lines, TestClock, access, allowance, basic, by, filled, options, with};
use crate::server::Server;

/// Argon2id of "word", with little work: m=64, t=1, p=2.
fn argon2() -> String {
    use argon2::{Algorithm, Argon2, CustomizedPasswordHasher as _, Params, Version};
    let params = Params::new(64, 1, 2, None).unwrap();
    let hasher = Argon2::new(Algorithm::Argon2id, Version::V0x13, params.clone());
    hasher.hash_password_customized(b"word", b"saltsaltsalt", None, None, params).unwrap().to_string()
}

fn bcrypt(variant: &str) -> String {
    bcrypt::hash("word", 4).unwrap().replacen("$2b$", variant, 1)
}

async fn status(server: &Server, authorization: &str, path: &str) -> u16 {
    server.call("GET", path).header("authorization", authorization).send().await.status.as_u16()
}

#[tokio::test]
async fn users_come_in_by_either_kind_of_hash() {
    let file = format!(
        "# people\n\nana:{}\nben:{}  \r\nclara:{}\ndan:{}\n",
        bcrypt("$2y$"),
        bcrypt("$2a$"),
        bcrypt("$2b$"),
        argon2()
    );
    let users = Users::parse(&file).unwrap();
    assert_eq!(users.len(), 4);
    let server = with(AccessOptions { users, ..options() });
    for name in ["ana", "ben", "clara", "dan"] {
        assert_eq!(status(&server, &basic(name, "word"), "/v2/").await, 200, "{name}");
        assert_eq!(status(&server, &basic(name, "Word"), "/v2/").await, 401, "{name}");
        assert_eq!(status(&server, &basic(name, ""), "/v2/").await, 401, "{name}");
    }
    assert_eq!(status(&server, &basic("eve", "word"), "/v2/").await, 401);
    assert_eq!(status(&server, &basic("ana", &"w".repeat(5000)), "/v2/").await, 401);
}

#[test]
fn a_file_of_users_says_where_it_is_wrong() {
    let good = bcrypt("$2y$");
    let long = "x".repeat(NAME_MAX_BYTES + 1);
    for (text, place, problem) in [
        ("ana".to_owned(), (1, 4), "colon"),
        (format!("\n{}:{good}", ""), (2, 1), "name"),
        (format!("{long}:{good}"), (1, 1), "name"),
        (format!("a b:{good}"), (1, 1), "name"),
        (format!("ana:{good}\n#\nana:{good}"), (3, 1), "twice"),
        ("ana:word".to_owned(), (1, 5), "neither"),
        ("ana:{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=".to_owned(), (1, 5), "neither"),
        ("ana:$apr1$x$y".to_owned(), (1, 5), "neither"),
        ("ana:$2y$04$short".to_owned(), (1, 5), "damaged"),
        (format!("ana:{}", good.replacen("$04$", "$31$", 1)), (1, 5), "too much"),
        (format!("ana:{}", good.replacen("$04$", "$03$", 1)), (1, 5), "damaged"),
        (format!("ana:{}é", &good[..58]), (1, 5), "damaged"),
        ("ana:$argon2id$v=19$m=64,t=1,p=1$c2FsdHNhbHQ".to_owned(), (1, 5), "damaged"),
        (format!("ana:{}", argon2().replacen("m=64", "m=9999999", 1)), (1, 5), "too much"),
        (format!("ana:{}", argon2().replacen("t=1", "t=99", 1)), (1, 5), "too much"),
        (format!("ana:{}", "$argon2".repeat(200)), (1, 5), "damaged"),
    ] {
        let error = Users::parse(&text).unwrap_err();
        let UsersError::Line { line, column, .. } = &error else { panic!("{error}") };
        assert_eq!((*line, *column), place, "{text}");
        let shown = error.to_string();
        assert!(shown.contains(problem), "{shown}");
        assert!(!shown.contains("word"), "{shown}");
    }
    assert_eq!(
        Groups::parse("team: ana\nteam").unwrap_err(),
        UsersError::Line { line: 2, column: 5, problem: LineProblem::Colon }
    );
    let groups = Groups::parse("team: ana ben\n# x\nteam: clara\nother: ana\nempty:\n").unwrap();
    assert_eq!(groups.of("ana").collect::<Vec<_>>(), ["other", "team"]);
    assert_eq!(groups.of("clara").collect::<Vec<_>>(), ["team"]);
    assert_eq!(groups.of("eve").count(), 0);
}

proptest::proptest! {
    #[test]
    fn any_file_of_users_is_read_or_refused(text in "([a-c]{0,2}[: ]?([$](2y|argon2id|argon2d)[$](v=19[$])?[0-9a-zA-Z=,$./é]{0,60})?[\n#]{0,2}){0,4}") {
        let _ = Users::parse(&text);
        let _ = Groups::parse(&text);
    }
}

#[tokio::test]
async fn a_reload_lets_in_whom_it_names_and_nobody_else() {
    let server = with(options());
    let path = "/v2/team/app/tags/list";
    assert_eq!(status(&server, &by("reader"), path).await, 404);
    let other = Users::parse(&format!("reader:{}\n", bcrypt::hash("new", 4).unwrap())).unwrap();
    server.0.reload_access(&access(AccessOptions { users: other, ..options() }));
    // That it was right a moment ago does not count.
    assert_eq!(status(&server, &by("reader"), path).await, 401);
    assert_eq!(status(&server, &basic("reader", "new"), path).await, 404);
    assert_eq!(status(&server, &by("writer"), path).await, 401);
    server.0.reload_access(&access(AccessOptions { rules: vec![], ..options() }));
    assert_eq!(status(&server, &by("reader"), path).await, 403);
}

#[tokio::test]
async fn a_key_is_good_for_its_scope_and_its_time() {
    let clock = TestClock::default();
    let end = clock.now() + Duration::from_mins(1);
    let scope = vec![allowance("team/app", &[Action::Read]), allowance("secret/*", &[Action::Read])];
    let (key, secret) = ApiKey::generate("ci", "writer", scope, Some(end));
    assert!(secret.reveal().starts_with(registry::access::KEY_PREFIX) && secret.reveal().len() > 50);
    let robot = ApiKey::generate("robot", "nobody", vec![allowance("*", &[Action::Read])], None);
    let options = AccessOptions { keys: vec![key, robot.0], ..options() };
    let server =
        Server::over(clock.storage(), RegistryOptions { access: access(options), ..RegistryOptions::default() });
    let bearer = format!("Bearer {}", secret.reveal());
    for authorization in [bearer.as_str(), &basic("writer", secret.reveal())] {
        assert_eq!(status(&server, authorization, "/v2/").await, 200);
        assert_eq!(status(&server, authorization, "/v2/team/app/tags/list").await, 404, "his, and in the scope");
        assert_eq!(status(&server, authorization, "/v2/team/other/tags/list").await, 403, "not in the scope");
        assert_eq!(status(&server, authorization, "/v2/secret/app/tags/list").await, 403, "not his");
        let push = server.call("POST", "/v2/team/app/blobs/uploads/").header("authorization", authorization);
        push.send().await.expect_error(403, "DENIED");
    }
    for wrong in [
        basic("reader", secret.reveal()),
        basic("", secret.reveal()),
        format!("{bearer}x"),
        bearer[..bearer.len() - 1].to_owned(),
        "Bearer supercargo_key_".to_owned(),
    ] {
        assert_eq!(status(&server, &wrong, "/v2/").await, 401, "{wrong}");
    }
    let robot = format!("Bearer {}", robot.1.reveal());
    assert_eq!(status(&server, &robot, "/v2/team/app/tags/list").await, 403, "a user without rules has no rights");
    assert_eq!(status(&server, &robot, "/v2/public/app/tags/list").await, 404);
    clock.advance(Duration::from_millis(59_999));
    assert_eq!(status(&server, &bearer, "/v2/").await, 200);
    clock.advance(Duration::from_millis(1));
    assert_eq!(status(&server, &bearer, "/v2/").await, 401);
    assert_eq!(status(&server, &robot, "/v2/").await, 200);
}

#[tokio::test]
async fn every_decision_is_told() {
    let lines = Lines::default();
    let options =
        RegistryOptions { access: access(options()), on_decision: Some(lines.hook()), ..RegistryOptions::default() };
    let server = filled(&["team/app"], options).await;
    let cases = [
        ("reader", "GET", "/v2/team/app/tags/list", "user reader: read tags in team/app: allowed: rule 2 allows it"),
        (
            "reader",
            "DELETE",
            "/v2/team/app/manifests/v1",
            "user reader: delete tag in team/app: denied: no rule allows it",
        ),
        ("stranger", "GET", "/v2/a/tags/list", "user stranger: read tags in a: denied: no rule allows it"),
        ("eve", "GET", "/v2/a/tags/list", "unverified: come in: denied: the credentials are not right"),
    ];
    for (who, method, path, line) in cases {
        server.call(method, path).header("authorization", &by(who)).send().await;
        assert_eq!(lines.take(), [line]);
    }
    server.get("/v2/team/app/tags/list").await;
    assert_eq!(lines.take(), ["anonymous: read tags in team/app: denied: no rule allows it"]);
    let put = server.call("PUT", "/v2/team/app/manifests/v1").header("content-type", crate::server::MANIFEST);
    let put = put.body(crate::server::image(&[], None, "other").to_string()).header("authorization", &by("creator"));
    put.send().await.expect(403);
    assert_eq!(
        lines.take(),
        [
            "user creator: create tag in team/app: allowed: rule 3 allows it",
            "user creator: update tag in team/app: denied: the tag exists, and may not be moved",
        ]
    );
}
