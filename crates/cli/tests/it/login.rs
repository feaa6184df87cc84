//! Credentials that are kept, shown as being there, and forgotten.

use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Stdio};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use serde_json::json;

use crate::desk::{Desk, Outcome};
use crate::server::Server;

/// Runs a command with something on its standard input.
fn told(mut command: Command, input: &str) -> Outcome {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    Outcome::of(child.wait_with_output().unwrap())
}

fn login(desk: &Desk, place: &str, password: &str) -> Outcome {
    told(desk.command(&["login", place, "--username", "user", "--password-stdin"]), password)
}

#[test]
fn a_password_is_kept_when_the_registry_takes_it() {
    let (desk, server) = (Desk::new(), Server::locked());
    let (host, file) = (server.host(), desk.path("home/.config/containers/auth.json"));
    desk.fails(&["tags", &server.at("app")], 5);
    let refused = login(&desk, &host, "wrong\n");
    assert_eq!(refused.code, 5, "{}", refused.stderr);
    assert!(!file.exists() && !refused.stderr.contains("wrong"), "{}", refused.stderr);

    let kept = login(&desk, &host, "password\r\n");
    assert_eq!(kept.code, 0, "{}", kept.stderr);
    assert_eq!(kept.stdout, format!("{host}: the password of user is in {}\n", file.display()));
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    // It is let in now, and there is nothing there.
    desk.fails(&["tags", &server.at("app")], 9);

    let explained = desk.json(&["auth", "explain", &server.at("app")]);
    let used = explained["files"].as_array().unwrap().iter().find(|file| file["state"] == "used").unwrap();
    assert_eq!(
        *used,
        json!({ "file": file, "state": "used", "key": host, "helper": null, "kind": "password", "user": "user", "reason": null })
    );
    assert!(!explained.to_string().contains("\"password\":"));

    assert_eq!(desk.ok(&["logout", &host]), format!("{host}: removed from {}\n", file.display()));
    desk.fails(&["logout", &host], 9);
    desk.fails(&["tags", &server.at("app")], 5);
    let said = desk.ok(&["auth", "explain", &host]);
    assert!(said.ends_with(&format!("no credentials: {host} is asked as anybody would ask it\n")), "{said}");
}

#[test]
fn a_password_goes_to_the_first_file_that_is_there_or_to_the_one_that_is_named() {
    let (desk, server) = (Desk::new(), Server::locked());
    let host = server.host();
    fs::create_dir_all(desk.path("home/.docker")).unwrap();
    desk.write("home/.docker/config.json", "{\"psFormat\": \"x\"}");
    assert_eq!(login(&desk, &host, "password").code, 0);
    let written = fs::read_to_string(desk.path("home/.docker/config.json")).unwrap();
    assert!(written.contains("psFormat") && written.contains(&host), "{written}");
    let mut command = desk.command(&["login", &host, "-u", "user", "--password-stdin"]);
    command.env("REGISTRY_AUTH_FILE", "named/auth.json");
    assert_eq!(told(command, "password").code, 0);
    assert!(desk.path("named/auth.json").exists());
    let mut command = desk.command(&["logout", &host]);
    command.env("SUPERCARGO_AUTH_FILE", "named/auth.json");
    assert_eq!(told(command, "").code, 0);
    assert!(
        fs::read_to_string(desk.path("home/.docker/config.json")).unwrap().contains(&host),
        "another one was named"
    );
}

#[test]
fn a_helper_keeps_the_password_where_the_file_names_one() {
    let (desk, server) = (Desk::new(), Server::locked());
    let host = server.host();
    fs::create_dir_all(desk.path("home/.docker")).unwrap();
    desk.write("home/.docker/config.json", "{\"credsStore\": \"tests\"}");
    let script = "#!/bin/sh
cd \"$HOME\"
case $1 in
store) cat > kept ;;
get) cat > asked; test -e kept || { echo credentials not found in native keychain; exit 1; }; cat kept ;;
erase) cat > erased; rm kept ;;
esac
";
    let program = desk.path("docker-credential-tests");
    fs::write(&program, script).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let with = |arguments: &[&str], input: &str| {
        let mut command = desk.command(arguments);
        command.env("PATH", format!("{}:/usr/bin:/bin", desk.path("").display()));
        told(command, input)
    };
    let kept = with(&["login", &host, "--username", "user", "--password-stdin"], "password");
    assert_eq!(kept.code, 0, "{}", kept.stderr);
    assert!(kept.stdout.contains("docker-credential-tests keeps the password of user"), "{}", kept.stdout);
    let written = fs::read_to_string(desk.path("home/.docker/config.json")).unwrap();
    assert!(!written.contains("auth\"") && written.contains(&host), "{written}");
    assert_eq!(with(&["tags", &server.at("app")], "").code, 9, "it is let in");
    assert_eq!(fs::read_to_string(desk.path("home/asked")).unwrap(), host);
    let gone = with(&["logout", &host], "");
    assert_eq!((gone.code, gone.stdout.contains("forgotten by docker-credential-tests")), (0, true), "{}", gone.stdout);
    assert_eq!(fs::read_to_string(desk.path("home/erased")).unwrap(), host);
    assert_eq!(with(&["tags", &server.at("app")], "").code, 5);
}

#[test]
fn logins_at_the_same_time_are_all_kept() {
    let (desk, server) = (Desk::new(), Server::locked());
    let places: Vec<String> = (0..12).map(|number| format!("{}/team-{number}", server.host())).collect();
    std::thread::scope(|scope| {
        for places in places.chunks(4) {
            let desk = &desk;
            scope.spawn(move || places.iter().for_each(|place| assert_eq!(login(desk, place, "password").code, 0)));
        }
    });
    let file = fs::read_to_string(desk.path("home/.config/containers/auth.json")).unwrap();
    let document: serde_json::Value = serde_json::from_str(&file).unwrap();
    assert_eq!(document["auths"].as_object().unwrap().len(), places.len(), "{document}");
}

#[test]
fn programs_of_files_behind_the_one_that_decides_are_not_run() {
    let desk = Desk::new();
    fs::create_dir_all(desk.path("home/.docker")).unwrap();
    desk.write("home/.docker/config.json", "{\"credsStore\": \"tests\"}");
    desk.write("docker-credential-tests", "#!/bin/sh\ntouch \"$HOME/asked\"\nexit 1\n");
    fs::set_permissions(desk.path("docker-credential-tests"), fs::Permissions::from_mode(0o755)).unwrap();
    let explain = || {
        let mut command = desk.command(&["auth", "explain", "h.example", "--format", "json"]);
        command.env("PATH", format!("{}:/usr/bin:/bin", desk.path("").display()));
        let document = crate::desk::document(&told(command, "").stdout);
        let states =
            document["files"].as_array().unwrap().iter().map(|file| file["state"].as_str().unwrap().to_owned());
        states.collect::<Vec<_>>()
    };
    let auth = "home/.config/containers/auth.json";
    desk.write(auth, "{\"auths\": {\"h.example\": {\"auth\": \"dTpw\"}}}");
    assert_eq!(explain(), ["missing", "used", "not-reached"]);
    assert!(!desk.path("home/asked").exists());
    // One that cannot be read is told of wherever it stands: no command goes on then.
    desk.write("home/.docker/config.json", "[");
    assert_eq!(explain(), ["missing", "used", "failed"]);
    desk.write("home/.docker/config.json", "{\"credsStore\": \"tests\"}");
    desk.write(auth, "{}");
    assert_eq!(explain(), ["missing", "nothing", "failed"]);
    assert!(desk.path("home/asked").exists());
}

#[test]
fn a_helper_that_fails_is_told_with_what_shows_more() {
    let (desk, server) = (Desk::new(), Server::locked());
    desk.write("auth.json", &format!("{{\"credHelpers\": {{\"{}\": \"missing\"}}}}", server.host()));
    let said = desk.fails(&["tags", &server.at("app"), "--authfile", "auth.json"], 5);
    assert!(said.contains("auth.json names docker-credential-missing: it cannot be run"), "{said}");
    assert!(said.contains(&format!("help: supercargo auth explain {}", server.host())), "{said}");
    let said = desk.ok(&["auth", "explain", &server.host(), "--authfile", "auth.json"]);
    assert!(said.contains("failed") && said.contains("docker-credential-missing"), "{said}");
}

#[test]
fn what_is_missing_is_said_where_nobody_can_be_asked() {
    let desk = Desk::new();
    let said = desk.fails(&["login", "127.0.0.1:1", "--password-stdin"], 2);
    assert!(said.contains("help: add --username USER"), "{said}");
    let said = desk.fails(&["login", "127.0.0.1:1", "--username", "user"], 2);
    assert!(said.contains("--password-stdin < FILE"), "{said}");
    let said = desk.fails(&["login", "127.0.0.1:1", "--username", "user", "--password-stdin"], 2);
    assert!(said.contains("no password was given"), "{said}");
    let outcome = told(desk.command(&["login", "127.0.0.1:1", "--username", "user", "--password-stdin"]), "password");
    assert_eq!(outcome.code, 4, "{}", outcome.stderr);
    desk.fails(&["logout", "127.0.0.1:1"], 9);
    desk.fails(&["login", "a b", "--username", "user", "--password-stdin"], 2);
}

#[test]
fn a_password_that_is_typed_is_not_shown() {
    let (desk, server) = (Desk::new(), Server::locked());
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&master).unwrap();
    unlockpt(&master).unwrap();
    let name = ptsname(&master, Vec::new()).unwrap();
    let terminal = fs::File::options().read(true).write(true).open(name.to_str().unwrap()).unwrap();
    let mut command = desk.command(&["login", &server.host()]);
    command.stdin(terminal.try_clone().unwrap()).stdout(Stdio::piped()).stderr(terminal.try_clone().unwrap());
    let child = command.spawn().unwrap();
    drop((command, terminal));
    let mut master = fs::File::from(master);
    let mut seen = String::new();
    for (question, answer) in [("user name: ", "user\n"), ("password: ", "password\n")] {
        while !seen.ends_with(question) {
            let mut bytes = [0; 256];
            let count = master.read(&mut bytes).unwrap();
            seen.push_str(std::str::from_utf8(&bytes[..count]).unwrap());
        }
        master.write_all(answer.as_bytes()).unwrap();
    }
    let outcome = Outcome::of(child.wait_with_output().unwrap());
    assert_eq!(outcome.code, 0, "{seen}");
    // The terminal closes with an error when nobody has it open any more.
    let mut rest = Vec::new();
    let _ = master.read_to_end(&mut rest);
    seen.push_str(std::str::from_utf8(&rest).unwrap());
    assert!(seen.contains("user name: user") && !seen.replace("password: ", "").contains("password"), "{seen:?}");
    desk.fails(&["tags", &server.at("app")], 9);
}
