//! Tokens of distribution v3 and a service of our own: they end while bytes move, are good for two repositories, and are not given
//! for what a user may not read.

use std::collections::BTreeMap;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use e2e::{Outcome, Program, sound};
use oci::Digest;
use serde_json::{Value, json};
use store::LayoutStore;
use testkit::application::{Application, WholeGraph};
use testkit::peers::{PeerRegistry, RunningPeer};
use testkit::proxy::{Exchange, Fault, HttpProxy, Matcher, Rule};
use testkit::tokens::{Issued, TokenService, TokenUser, until_refused};

/// How long tokens are good where they are to end in between. Nothing but what a rule holds back takes this long.
const SHORT: Duration = Duration::from_secs(5);

/// How long they are good where they are not.
const LONG: Duration = Duration::from_mins(5);

const SECRET: &str = "secret/one";
const OPEN: &str = "open/two";
const BOTH: [&str; 2] = ["pull", "push"];

struct Harbour {
    service: TokenService,
    _registry: RunningPeer,
    proxy: HttpProxy,
    program: Program,
    application: Application,
}

impl Harbour {
    /// Opens distribution with tokens, and an observer before it; `None` when it is not installed, which has been said then.
    async fn open(lifetime: Duration) -> Option<Self> {
        let users = vec![
            TokenUser::new("owner", &[(SECRET, &BOTH), (OPEN, &BOTH)]),
            TokenUser::new("reader", &[(SECRET, &["pull"])]),
            TokenUser::new("writer", &[(OPEN, &BOTH)]),
        ];
        let service = TokenService::start(users, lifetime).await;
        let registry = PeerRegistry::Distribution.start_with_tokens(&service)?;
        let proxy = HttpProxy::start(registry.address()).await;
        let application = WholeGraph::default().layer_bytes(1_000_000).build();
        let harbour = Self { service, _registry: registry, proxy, program: Program::default(), application };
        harbour.application.write_layout(&harbour.program.home().join("layout"));
        Some(harbour)
    }

    /// Writes which user is shown for which repository.
    fn sign_in(&self, users: &[(&str, &str)]) -> String {
        let entry = |(repository, user): &(&str, &str)| {
            let auth = STANDARD.encode(format!("{user}:{user}{user}"));
            (format!("{}/{repository}", self.proxy.host()), json!({ "auth": auth }))
        };
        let auths: serde_json::Map<String, Value> = users.iter().map(entry).collect();
        let file = self.program.home().join("auth.json");
        sound::write(&file, json!({ "auths": auths }).to_string());
        file.to_string_lossy().into_owned()
    }

    fn reference(&self, repository: &str) -> String {
        format!("{}/{repository}", self.proxy.host())
    }

    fn layout(&self, name: &str) -> String {
        format!("oci:{}", self.program.home().join(name).display())
    }

    fn copy(&self, from: &str, to: &str, users: &[(&str, &str)]) -> Outcome {
        let outcome = self.program.run(&["copy", "--all-tags", "--authfile", &self.sign_in(users), from, to]);
        for issued in self.service.issued() {
            assert!(!outcome.stderr.contains(&issued.token) && !outcome.stdout.contains(&issued.token), "{outcome}");
        }
        outcome
    }

    /// Puts the application into a repository and forgets that.
    fn fill(&self, repository: &str) {
        self.copy(&self.layout("layout"), &self.reference(repository), &[(repository, "owner")]).expect_code(0);
        self.proxy.log().clear();
    }

    async fn assert_whole(&self, repository: &str) {
        let out = format!("out-{}", repository.replace('/', "-"));
        self.copy(&self.reference(repository), &self.layout(&out), &[(repository, "owner")]).expect_code(0);
        let store = LayoutStore::open(self.program.home().join(out)).unwrap();
        sound::assert_whole(&self.application, &store, repository).await;
    }

    fn layer(&self) -> Digest {
        let image = self.application.manifest(&self.application.named("amd64").digest).unwrap();
        image.layers().iter().max_by_key(|layer| layer.size).unwrap().digest
    }

    /// Returns the tokens given out so far for what is asked of one repository at least.
    fn issued_for(&self, scope: &str) -> Vec<Issued> {
        let mut issued = self.service.issued();
        issued.retain(|issued| issued.asked.iter().any(|asked| asked == scope));
        issued
    }
}

fn statuses(exchanges: &[Exchange]) -> BTreeMap<u16, usize> {
    let mut counts = BTreeMap::new();
    for status in exchanges.iter().filter_map(|exchange| exchange.status) {
        *counts.entry(status).or_default() += 1;
    }
    counts
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_ends_in_mid_upload() {
    let Some(harbour) = Harbour::open(SHORT).await else { return };
    let end_of_upload = Matcher::uploads().method("PUT").query_contains(&harbour.layer().encoded());
    let held = Rule::new(end_of_upload.clone(), Fault::wait(until_refused)).times(1);
    harbour.proxy.set_rules([held]);
    harbour.copy(&harbour.layout("layout"), &harbour.reference(OPEN), &[(OPEN, "writer")]).expect_code(0);
    let tries = statuses(&harbour.proxy.log().matching(&end_of_upload));
    assert_eq!(tries, BTreeMap::from([(401, 1), (201, 1)]));
    assert!(harbour.issued_for(&format!("repository:{OPEN}:pull,push")).len() > 1, "the token was not renewed");
    harbour.assert_whole(OPEN).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_ends_in_mid_download() {
    let Some(harbour) = Harbour::open(SHORT).await else { return };
    harbour.fill(SECRET);
    let before = harbour.issued_for(&format!("repository:{SECRET}:pull")).len();
    let layer = Matcher::blob(&harbour.layer()).method("GET");
    let cut = Rule::new(layer.clone(), Fault::CutBody(300_000)).times(1);
    let held = Rule::new(layer.clone(), Fault::wait(until_refused)).times(1);
    harbour.proxy.set_rules([cut, held]);
    harbour.copy(&harbour.reference(SECRET), &harbour.layout("download"), &[(SECRET, "reader")]).expect_code(0);
    let tries: Vec<_> = harbour.proxy.log().matching(&layer).iter().filter_map(|exchange| exchange.status).collect();
    assert_eq!(tries, [200, 401, 206], "the rest is asked for, and with another token when the first has ended");
    assert!(harbour.issued_for(&format!("repository:{SECRET}:pull")).len() >= before + 2, "the token was not renewed");
    let store = LayoutStore::open(harbour.program.home().join("download")).unwrap();
    sound::assert_whole(&harbour.application, &store, "the download").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_token_is_good_for_two_repositories() {
    let Some(harbour) = Harbour::open(LONG).await else { return };
    harbour.fill(SECRET);
    let before = harbour.service.issued().len();
    let users = [(SECRET, "owner"), (OPEN, "owner")];
    harbour.copy(&harbour.reference(SECRET), &harbour.reference(OPEN), &users).expect_code(0);
    let (pull, push) = (format!("repository:{SECRET}:pull"), format!("repository:{OPEN}:pull,push"));
    let issued = harbour.service.issued().split_off(before);
    assert!(issued.iter().any(|issued| issued.asked == [push.clone(), pull.clone()]), "{issued:#?}");
    // One to read each end, and the one of both: it is good for what is written, too.
    assert!(issued.len() <= 3, "{issued:#?}");
    let mounts = harbour.proxy.log().matching(&Matcher::uploads().query_contains("mount="));
    assert!(mounts.len() > 3 && statuses(&mounts) == BTreeMap::from([(201, mounts.len())]), "{mounts:#?}");
    let moved = harbour.proxy.log().matching(&Matcher::uploads().query_lacks("mount="));
    assert!(moved.is_empty(), "{moved:#?}");
    harbour.assert_whole(OPEN).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mount_from_a_repository_that_the_writer_may_not_read() {
    let Some(harbour) = Harbour::open(LONG).await else { return };
    harbour.fill(SECRET);
    let before = harbour.service.issued().len();
    let users = [(SECRET, "reader"), (OPEN, "writer")];
    harbour.copy(&harbour.reference(SECRET), &harbour.reference(OPEN), &users).expect_code(0);
    let mounts = harbour.proxy.log().matching(&Matcher::uploads().query_contains("mount="));
    assert!(!mounts.is_empty() && !statuses(&mounts).contains_key(&201), "{mounts:#?}");
    let issued = harbour.service.issued().split_off(before);
    // The reader's, the writer's to look and to write, and those for which nothing was given.
    assert!(issued.len() <= 8, "nobody asks again for what was not given: {issued:#?}");
    harbour.assert_whole(OPEN).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_repository_that_a_user_may_not_read() {
    let Some(harbour) = Harbour::open(LONG).await else { return };
    harbour.fill(SECRET);
    for user in ["writer", "nobody"] {
        let outcome = harbour.copy(&harbour.reference(SECRET), &harbour.layout("nothing"), &[(SECRET, user)]);
        let outcome = outcome.expect_code(5);
        outcome.assert_explained();
        assert!(!harbour.program.home().join("nothing").exists(), "{outcome}");
    }
    assert!(harbour.proxy.log().exchanges().len() < 20, "{:#?}", harbour.proxy.log().sorted_lines());
}
