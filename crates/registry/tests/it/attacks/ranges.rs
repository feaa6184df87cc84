//! What clients may ask of a blob.

use crate::server::Server;

#[tokio::test]
async fn no_range_makes_more_of_a_blob_than_it_is() {
    let server = Server::default();
    let content = b"0123456789";
    let path = format!("/v2/app/blobs/{}", server.put_blob("app", content).await);
    let many = format!("bytes={}", vec!["0-9"; 1300].join(","));
    let overlapping = "bytes=0-,0-,0-,0-,-10,-10".to_owned();
    for range in [many, overlapping, "bytes=0-0,0-0".to_owned()] {
        let reply = server.call("GET", &path).header("range", &range).send().await.expect(200);
        assert_eq!(reply.body, content.as_slice(), "{range}");
    }
    for range in ["bytes=-0", "bytes=10-", "bytes=18446744073709551615-", "bytes=18446744073709551616-", "bytes=9-8"] {
        let reply = server.call("GET", &path).header("range", range).send().await;
        let reply = reply.expect_error(416, "SIZE_INVALID");
        assert_eq!(reply.header("content-range"), "bytes */10");
    }
    for (range, expected) in [
        ("bytes=0-18446744073709551615", "0123456789"),
        ("bytes=0-99999999999999999999999999", "0123456789"),
        ("bytes=-18446744073709551616", "0123456789"),
        ("bytes=9-9", "9"),
    ] {
        let reply = server.call("GET", &path).header("range", range).send().await.expect(206);
        assert_eq!(
            (&reply.body[..], reply.header("content-length")),
            (expected.as_bytes(), &*expected.len().to_string())
        );
    }
}

#[tokio::test]
async fn no_position_of_a_chunk_is_believed() {
    let server = Server::default();
    let location = server.begin("app").await;
    for range in
        ["0-18446744073709551615", "18446744073709551615-18446744073709551615", "1-0", "bytes 0-4/5", "0-4,5-9", "-5"]
    {
        let call = server.call("PATCH", &location).header("content-range", range).body("hello");
        assert!(matches!(call.send().await.status.as_u16(), 400 | 416), "{range}");
    }
    for (range, length) in [("0-4", "18446744073709551615"), ("0-99", "5"), ("0-3", "5")] {
        let call = server.call("PATCH", &location).header("content-range", range).header("content-length", length);
        call.body("hello").send().await.expect_error(400, "SIZE_INVALID");
    }
    let status = server.get(&location).await.expect(204);
    assert_eq!(status.header("range"), "0-0", "nothing was kept");
}

#[tokio::test]
async fn a_condition_that_cannot_be_looked_at_whole_is_refused() {
    let server = Server::default();
    let first = server.put_image("app", "v1", "first").await;
    let others: Vec<String> = (0..100_u32).map(|n| format!("\"{}\"", oci::Digest::sha256(&n.to_be_bytes()))).collect();
    // Of what is named last it must not be said that it is not named.
    let lines = [others.join(","), format!("\"{first}\"")];
    let document = crate::server::image(&[], None, "second").to_string();
    for header in ["if-none-match", "if-match"] {
        let one = lines.join(",");
        for lines in [&lines[..], &[one]] {
            let mut call = server.call("PUT", "/v2/app/manifests/v1").header("content-type", crate::server::MANIFEST);
            for line in lines {
                call = call.header(header, line);
            }
            call.body(document.clone()).send().await.expect_error(400, "UNSUPPORTED");
        }
    }
    assert_eq!(
        server.head("/v2/app/manifests/v1").await.expect(200).header("docker-content-digest"),
        first.to_string()
    );
}
