//! The clauses of the distribution-spec (main), each with the test that shows it. What no other module shows is tested here, without access
//! control and with it.
//!
//! | section | what is demanded | test |
//! |---|---|---|
//! | Pulling manifests | 200 with bytes, type and digest; 404 | `manifests::put_get_head_by_tag_and_digest`, `protocol::what_is_in_no_repository_is_not_found` |
//! | | names and tags by their grammar | `protocol::names_are_checked_before_anything_is_looked_up`, [`tags_have_their_length`] |
//! | | the type as it was pushed, without parameters | `manifests::the_type_is_what_both_say` |
//! | Pulling blobs | 200 with bytes and digest; 404; ranges | `blobs::{get_and_head, ranges, every_algorithm}` |
//! | Checking if content exists | 200 with digest and length; 404 | `blobs::get_and_head`, `protocol::an_error_answers_head_without_a_body`, [`content_is_known_where_it_was_pushed`] |
//! | Pushing blobs | an invalid or unsupported digest is 400 | [`digests_that_cannot_be_taken`] |
//! | POST then PUT, Single POST | 202, 201, `Location`; what does not match is refused | `uploads::{post_then_put, a_single_post_with_wrong_content_leaves_nothing, a_wrong_digest_ends_the_upload}` |
//! | | a UUID in the upload's place, a blob in the other | [`places_are_what_they_say`] |
//! | Pushing a blob in chunks | order, 202 with `Location` and `Range`, 416, the state | `uploads::{chunks_in_order, chunks_out_of_order_change_nothing, streams_of_any_length}` |
//! | | `digest-algorithm`; the digest in the closing request | `uploads::algorithms_are_known_before_or_after`, [`digests_that_cannot_be_taken`] |
//! | Cancel a blob upload | 204; abandoned uploads time out | `uploads::{cancel, abandoned_uploads_expire}` |
//! | Mounting a blob | 201, or 202 and an upload; from anywhere | `mounts::{from_a_repository, from_wherever_it_is, what_cannot_be_mounted_is_uploaded}` |
//! | Pushing manifests | 201 with `Location` and digest, bytes as they came | `manifests::{put_get_head_by_tag_and_digest, the_bytes_are_kept_as_they_came}` |
//! | | what it names must be there | `manifests::{content_must_be_there_first, children_must_be_there_as_manifests}` |
//! | | at least ten tags, `OCI-Tag` for each, 414 | `manifests::put_by_digest_sets_the_tags_asked_for`, [`ten_tags_at_once`] |
//! | | at least 4 MB; 413 above the limit | `manifests::{the_largest_manifest_is_taken, manifests_have_a_limit}` |
//! | Manifests with subject | `OCI-Subject`; the subject may come later | `referrers::{an_entry_describes_the_artifact, any_digest_is_a_subject}` |
//! | Listing tags | order, `n`, `last`, `Link`, 404 | `tags::{all_in_byte_order, pages, pages_are_bounded_whatever_is_asked_for}` |
//! | Listing referrers | never 404; 400; entries, filter, pages | `referrers::{nothing_is_an_empty_list_and_never_an_absence, filter, pages}`, [`referrers_of_what_is_no_digest`] |
//! | Deleting tags, manifests, blobs | 202 and gone; 404; 405 where that is switched off | `manifests::{delete_by_tag_keeps_the_manifest, delete_by_digest_takes_its_tags_along}`, `blobs::delete`, `protocol::deletes_can_be_switched_off`, [`deleting_what_is_not_there`] |
//! | Registry proxying | `ns` may be there | [`the_host_that_a_client_means_changes_nothing`] |
//! | Enabling the referrers API | fallback tags from before are listed | `referrers::a_fallback_tag_from_before_is_folded_in` |
//! | API | HTTP's conditions | [`conditions_on_what_is_there`] |
//! | Error codes | the form of the body; `Retry-After` with 429 | `Reply::expect_error`, `uploads::uploads_under_way_have_a_limit` |
//! | Warnings | code 299, no agent, no date | `manifests::sparse_manifests_can_be_switched_on` |

use oci::Digest;
use registry::RegistryOptions;
use serde_json::{Value, json};

use crate::backends::{Backend, on_every_backend};
use crate::people::{access, by, options};
use crate::server::{Call, MANIFEST, Server, digest, image};

/// A server and who asks it.
struct Asked {
    server: Server,
    login: Option<String>,
}

/// Returns a server that lets in everybody, and one that lets in its owner alone.
async fn asked(backend: Backend) -> [Asked; 2] {
    let locked = RegistryOptions { access: access(options()), ..RegistryOptions::default() };
    [
        Asked { server: backend.server().await, login: None },
        Asked { server: backend.server_with(locked).await, login: Some(by("owner")) },
    ]
}

impl Asked {
    fn call(&self, method: &str, path: &str) -> Call {
        let call = self.server.call(method, path).header("host", "registry.example");
        match &self.login {
            Some(login) => call.header("authorization", login),
            None => call,
        }
    }

    async fn put_blob(&self, repository: &str, content: &[u8]) -> Digest {
        let digest = Digest::sha256(content);
        let post = self.call("POST", &format!("/v2/{repository}/blobs/uploads/?digest={digest}"));
        post.body(content.to_vec()).send().await.expect(201);
        digest
    }

    fn put(&self, reference: &str, document: &Value) -> Call {
        let put = self.call("PUT", &format!("/v2/team/app/manifests/{reference}"));
        put.header("content-type", MANIFEST).body(document.to_string())
    }

    async fn put_image(&self, tag: &str, text: &str) -> Digest {
        self.put_blob("team/app", b"{}").await;
        let document = image(&[], None, text);
        self.put(tag, &document).send().await.expect(201);
        digest(&document)
    }
}

async fn tags_have_their_length(backend: Backend) {
    for asked in asked(backend).await {
        asked.put_blob("team/app", b"{}").await;
        let document = image(&[], None, "");
        let longest = "t".repeat(128);
        asked.put(&longest, &document).send().await.expect(201);
        asked.call("GET", &format!("/v2/team/app/manifests/{longest}")).send().await.expect(200);
        asked.put(&format!("{longest}t"), &document).send().await.expect_error(400, "MANIFEST_INVALID");
    }
}

async fn content_is_known_where_it_was_pushed(backend: Backend) {
    for asked in asked(backend).await {
        let manifest = asked.put_image("v1", "").await;
        let blob = asked.put_blob("team/other", b"other").await;
        for path in [format!("team/app/blobs/{blob}"), format!("team/other/manifests/{manifest}")] {
            asked.call("HEAD", &format!("/v2/{path}")).send().await.expect(404);
        }
    }
}

async fn digests_that_cannot_be_taken(backend: Backend) {
    for asked in asked(backend).await {
        let md5 = "md5:d41d8cd98f00b204e9800998ecf8427e";
        for query in
            ["digest=sha256:12", &format!("digest={md5}"), "digest-algorithm=md5", "mount=sha256:12&from=team/a"]
        {
            let post = asked.call("POST", &format!("/v2/team/app/blobs/uploads/?{query}"));
            post.send().await.expect_error(400, "DIGEST_INVALID");
        }
        let begun = asked.call("POST", "/v2/team/app/blobs/uploads/").send().await.expect(202);
        let upload = begun.header("location");
        for query in ["", "?digest=", "?digest=sha256:zz", &format!("?digest={md5}")] {
            asked.call("PUT", &format!("{upload}{query}")).send().await.expect_error(400, "DIGEST_INVALID");
        }
        let other = Digest::sha256(b"other").to_string();
        asked.put(&other, &image(&[], None, "")).send().await.expect_error(400, "DIGEST_INVALID");
    }
}

async fn places_are_what_they_say(backend: Backend) {
    for asked in asked(backend).await {
        let begun = asked.call("POST", "/v2/team/app/blobs/uploads/").send().await.expect(202);
        let upload = begun.header("location").to_owned();
        let id = upload.rsplit('/').next().unwrap();
        assert_eq!(id.split('-').map(str::len).collect::<Vec<_>>(), [8, 4, 4, 4, 12], "{upload}");
        // Some clients replace what stands behind the place, others add to it.
        let digest = Digest::sha256(b"content");
        let closed = asked.call("PUT", &format!("{upload}?client=x&digest={digest}")).body("content").send().await;
        let blob = closed.expect(201).header("location").to_owned();
        assert_eq!(asked.call("GET", &blob).send().await.expect(200).body, "content");
        let mount = format!("/v2/team/other/blobs/uploads/?mount={digest}&from=team/app");
        let mounted = asked.call("POST", &mount).send().await.expect(201).header("location").to_owned();
        assert_eq!(asked.call("GET", &mounted).send().await.expect(200).body, "content");
        asked.put_blob("team/app", b"{}").await;
        let document = image(&[], None, "");
        let put = asked.put("v1", &document).send().await.expect(201);
        let found = asked.call("GET", put.header("location")).send().await.expect(200);
        assert_eq!(found.body, document.to_string());
    }
}

async fn ten_tags_at_once(backend: Backend) {
    for asked in asked(backend).await {
        asked.put_blob("team/app", b"{}").await;
        let document = image(&[], None, "");
        let tags: Vec<String> = (0..10).map(|number| format!("v{number}")).collect();
        let query = tags.iter().map(|tag| format!("tag={tag}")).collect::<Vec<_>>().join("&");
        let put = asked.put(&format!("{}?{query}", digest(&document)), &document).send().await.expect(201);
        let told: Vec<_> = put.headers.get_all("oci-tag").iter().map(|tag| tag.to_str().unwrap()).collect();
        assert_eq!(told, tags);
        let listed = asked.call("GET", "/v2/team/app/tags/list").send().await.expect(200).json();
        assert_eq!(listed["tags"], json!(tags));
    }
}

async fn referrers_of_what_is_no_digest(backend: Backend) {
    for asked in asked(backend).await {
        for subject in ["v1", "sha256:12", "md5:d41d8cd98f00b204e9800998ecf8427e"] {
            let list = asked.call("GET", &format!("/v2/team/app/referrers/{subject}"));
            list.send().await.expect_error(400, "DIGEST_INVALID");
        }
    }
}

async fn deleting_what_is_not_there(backend: Backend) {
    for asked in asked(backend).await {
        let absent = Digest::sha256(b"absent");
        let paths = ["manifests/v9".to_owned(), format!("manifests/{absent}"), format!("blobs/{absent}")];
        for path in &paths {
            asked.call("DELETE", &format!("/v2/team/app/{path}")).send().await.expect_error(404, "NAME_UNKNOWN");
        }
        asked.put_image("v1", "").await;
        for (path, code) in paths.iter().zip(["MANIFEST_UNKNOWN", "MANIFEST_UNKNOWN", "BLOB_UNKNOWN"]) {
            asked.call("DELETE", &format!("/v2/team/app/{path}")).send().await.expect_error(404, code);
        }
    }
}

async fn the_host_that_a_client_means_changes_nothing(backend: Backend) {
    for asked in asked(backend).await {
        let manifest = asked.put_image("v1", "").await;
        let blob = Digest::sha256(b"{}");
        let ends = [
            "manifests/v1".to_owned(),
            format!("manifests/{manifest}"),
            format!("blobs/{blob}"),
            "tags/list".to_owned(),
            format!("referrers/{manifest}"),
        ];
        let paths = ends.map(|end| format!("/v2/team/app/{end}"));
        for path in paths.iter().map(String::as_str).chain(["/v2/"]) {
            for host in ["docker.io", "localhost:5000", "%5B%3A%3A1%5D%3A5000", "not%20a%20host", "", "a&ns=b"] {
                for method in ["GET", "HEAD"] {
                    let plain = asked.call(method, path).send().await.expect(200);
                    let meant = asked.call(method, &format!("{path}?ns={host}")).send().await.expect(200);
                    assert_eq!((&meant.headers, &meant.body), (&plain.headers, &plain.body), "{method} {path} {host}");
                }
            }
        }
        assert!(!asked.call("GET", "/v2/?ns=x").send().await.headers.contains_key("oci-namespace"), "it is not used");
        asked.call("GET", "/v2/team/app/manifests/v2?ns=docker.io").send().await.expect_error(404, "MANIFEST_UNKNOWN");
    }
}

async fn conditions_on_what_is_there(backend: Backend) {
    for asked in asked(backend).await {
        let old = asked.put_image("v1", "old").await;
        let (is_old, is_other) = (format!("\"{old}\""), format!("\"{}\"", Digest::sha256(b"other")));
        let get = |name, value: &str| asked.call("GET", "/v2/team/app/manifests/v1").header(name, value).send();
        assert_eq!(get("if-match", &is_old).await.expect(200).header("etag"), is_old);
        for known in [is_old.clone(), format!("{is_other}, W/{is_old}"), "*".to_owned()] {
            let reply = get("if-none-match", &known).await.expect(304);
            assert_eq!((reply.header("etag"), reply.body.len()), (is_old.as_str(), 0));
        }
        get("if-none-match", &is_other).await.expect(200);
        get("if-match", &is_other).await.expect(412);

        let new = image(&[], None, "new");
        let put = |name, value: &str| asked.put("v1", &new).header(name, value).send();
        put("if-match", &is_other).await.expect(412);
        put("if-none-match", "*").await.expect(412);
        get("if-match", &is_old).await.expect(200);
        put("if-match", &is_old).await.expect(201);
        let delete = |value: &str| asked.call("DELETE", "/v2/team/app/manifests/v1").header("if-match", value).send();
        delete(&is_old).await.expect(412);
        delete(&format!("\"{}\"", digest(&new))).await.expect(202);
        put("if-none-match", "*").await.expect(201);
    }
}

on_every_backend! {
    tags_have_their_length,
    content_is_known_where_it_was_pushed,
    digests_that_cannot_be_taken,
    places_are_what_they_say,
    ten_tags_at_once,
    referrers_of_what_is_no_digest,
    deleting_what_is_not_there,
    the_host_that_a_client_means_changes_nothing,
    conditions_on_what_is_there,
}
