//! Manifests, names, marks, what is remembered of images, auth files, lists.

use oci::{MediaType, Tag};
use testkit::application::WholeGraph;

use super::{Seeds, numbered};

const HEX: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

pub fn manifest() -> Seeds {
    let application = WholeGraph::default().sha512().blake3().foreign_layer("https://layers.example/1").build();
    let whole = [
        "index",
        "docker-list",
        "docker",
        "foreign",
        "arm64",
        "sbom-signature-amd64",
        "sha512-artifact",
        "blake3-artifact",
    ];
    let manifests =
        whole.iter().map(|name| application.manifest(&application.named(name).digest).unwrap().bytes().to_vec());
    let configs = application.blobs().filter(|(blob, _)| blob.media_type.is_image_config()).take(2);
    let good: Vec<Vec<u8>> = manifests.chain(configs.map(|(_, bytes)| bytes.to_vec())).collect();
    let descriptor = format!("{{\"mediaType\":\"a/b\",\"digest\":\"sha256:{HEX}\",\"size\":0,\"data\":\"\"}}");
    let hostile = [
        format!("{{\"schemaVersion\":2,\"config\":{descriptor},\"layers\":[],\"manifests\":[]}}"),
        format!("{{\"schemaVersion\":2,\"layers\":[],\"layers\":[{descriptor}]}}"),
        format!("{{\"schemaVersion\":2,\"config\":{descriptor},\"subject\":{descriptor}}}"),
        format!("{{\"schemaVersion\":2,\"mediaType\":\"{}\",\"blobs\":[{descriptor}]}}", MediaType::OCI_ARTIFACT),
        "{\"schemaVersion\":1,\"fsLayers\":[{\"blobSum\":\"sha256:00\"}],\"history\":[]}".to_owned(),
        format!("{{\"schemaVersion\":2,\"manifests\":[],\"annotations\":{}{}}}", "[".repeat(150), "]".repeat(150)),
        "{\"schemaVersion\":2,\"manifests\":null,\"annotations\":null}".to_owned(),
        "{\"schemaVersion\":2.0,\"mediaType\":\"a/\\u001b[31m\",\"manifests\":[]}".to_owned(),
        "[2,\"application/vnd.oci.image.index.v1+json\"]".to_owned(),
        "{\"rootfs\":{\"type\":\"layers\",\"diff_ids\":null},\"config\":{\"Labels\":null},\"os.version\":\"10\"}"
            .to_owned(),
    ];
    numbered(good.into_iter().chain(hostile.map(String::into_bytes)))
}

pub fn mark() -> Seeds {
    let body = |rest: &str| format!("{{\"schema\":\"supercargo.lifecycle.v1\"{rest}}}");
    numbered([
        body(",\"yanked\":true,\"reason\":\"because\""),
        body(",\"deprecated\":true,\"end_of_life\":\"2027-01-31\",\"superseded_by\":\"registry.example/shop:2.0\""),
        body(""),
        body(",\"end_of_life\":\"2027-02-29\""),
        body(",\"superseded_by\":\"shop\""),
        body(",\"yanked\":true,\"yanked\":true"),
        "{\"schema\":\"\\u001b[31m\",\"yanked\":true}".to_owned(),
        "[\"supercargo.lifecycle.v1\",true]".to_owned(),
        "2024-02-29".to_owned(),
        "2024-02-29T23:59:60.5+23:59".to_owned(),
        "9999-12-31T23:59:59-00:01".to_owned(),
        "0000-01-01t00:00:00z".to_owned(),
    ])
}

pub fn chain_index() -> Seeds {
    let first = "supercargo.chain-index.v1\n";
    let digest = format!("sha256:{HEX}");
    let line = |layers: &str, history: &str, rest: &str| {
        format!("{digest}\t{digest}\t{layers}\t{digest}\t-\t{digest}\t{history}\t{rest}\n")
    };
    let untold = "-\t-\t-";
    let told = format!("3\t{digest}\t{digest}");
    let whole = line("2", &told, "linux/arm64/v8\t2026-01-02T03:04:05Z\t1.0\tregistry.example/base");
    let bare = line("1", untold, "-\t-\t-\toci:/a b");
    numbered([
        first.to_owned(),
        format!("{first}{whole}{bare}{whole}"),
        format!("{first}{}", bare.trim_end()),
        format!("{first}{}", line("0", untold, "-\t-\t-\tx")),
        format!("{first}{}", line("18446744073709551616", untold, "-\t-\t-\tx")),
        format!("{first}{}", line("1", "-\t1\t-", "-\t-\t-\tx")),
        format!("{first}{}", line("1", untold, "-\t-\t-\ta\tb")),
        format!("{first}\n"),
        whole,
    ])
}

pub fn names() -> Seeds {
    let digest = format!("sha256:{HEX}");
    let fallback = Tag::referrers_fallback(&digest.parse().unwrap()).to_string();
    numbered([
        digest.clone(),
        format!("sha512:{HEX}{HEX}"),
        format!("blake3:{HEX}"),
        fallback.clone(),
        format!("{fallback}.sig"),
        format!("sha512-{HEX}"),
        "registry.example:5000/team/app__x/image--y:1.0@".to_owned() + &digest,
        "[::1]:5000/app:latest".to_owned(),
        "127.0.0.1:65536/app".to_owned(),
        "docker.io/library/alpine".to_owned(),
        "docker://alpine".to_owned(),
        "alpine:3".to_owned(),
        format!("oci:/tmp/../layout:v1@{digest}"),
        "oci-archive:a:b/c.tar:tag".to_owned(),
        "docker-archive:a.tar:registry.example/app:1".to_owned(),
        "store:team/app:1".to_owned(),
        "linux/arm64/v8".to_owned(),
        "windows(10.0.17763)/amd64".to_owned(),
        "application/json; charset=utf-8".to_owned(),
        "../../etc/passwd".to_owned(),
        "host\u{1b}[31m/app\u{202e}:tag".to_owned(),
    ])
}

pub fn copy_list() -> Seeds {
    numbered([
        "# images\nregistry.example/team/app:1.0 oci:build/app\n\n  docker.io/library/alpine:3\t127.0.0.1:5000/mirror/\r\n",
        "oci:a/b.c:1 registry.example/copies/\noci-archive:x.tar store:kept\n",
        "store:a/b:1@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 oci:there:\n",
        "docker-archive:a.tar docker-archive:b.tar\n",
        "a b c d\n",
        "registry.example/\u{1b}[31m\u{a0}x /\n",
        "sbom.json:application/spdx+json",
        "..:text/plain",
    ])
}

pub fn credentials() -> Seeds {
    let nested = format!("{{\"auths\":{}{}}}", "{\"a\":".repeat(200), "}".repeat(200));
    numbered([
        r#"{"auths":{"https://index.docker.io/v1/":{"auth":"dTpwOnE="},"registry.example:5000/team":{"username":"u","password":"p"},
            "t.example":{"identitytoken":"tok"},"h.example":{},"n.example":null},"credsStore":"desktop"}"#,
        r#"{"auths":{"http://\u001b[31m/v2/":{"auth":"bm8="}}}"#,
        r#"{"auths":{"registry.example":{"auth":"OnBhc3M="},"REGISTRY.example/":{"auth":"dTo="}}}"#,
        r#"{"auths":{"registry.example":{"auth":"secret"#,
        r#"{"auths":null}"#,
        r#"{"auths":{"":{"auth":"dTpwAAAA"}}}"#,
        r#"[{"registry.example":{}}]"#,
        &nested,
    ])
}
