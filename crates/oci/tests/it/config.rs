use oci::config::ConfigError;
use oci::limits::{CONFIG_MAX_BYTES, DIFF_IDS_MAX, HISTORY_MAX};
use oci::{Digest, ImageConfig};
use serde_json::json;

fn read(document: &serde_json::Value) -> ImageConfig {
    ImageConfig::parse(document.to_string().as_bytes()).unwrap()
}

#[test]
fn what_identifies_an_image_is_read_and_the_rest_left() {
    let config = read(&json!({
        "created": "2024-01-01T00:00:00Z", "author": "someone", "architecture": "arm", "variant": "v7", "os": "linux",
        "os.version": "1", "config": {"Labels": {"a": "b"}, "User": "1000", "Entrypoint": ["/x"], "Cmd": null, "Env": ["A=b"]},
        "rootfs": {"type": "layers", "diff_ids": [Digest::sha256(b"layer")]}, "history": [{"created_by": "x", "empty_layer": true}, {}],
    }));
    assert_eq!((config.history.len(), config.history[0].empty_layer, config.history[1].empty_layer), (2, true, false));
    assert_eq!(config.platform().unwrap().to_string(), "linux/arm/v7");
    assert_eq!(config.platform().unwrap().os_version.as_deref(), Some("1"));
    assert_eq!((config.label("a"), config.label("b")), (Some("b"), None));
    assert_eq!(config.rootfs.unwrap().diff_ids, [Digest::sha256(b"layer")]);
    assert_eq!(config.config.unwrap().cmd, None);
}

#[test]
fn null_says_the_same_as_absence() {
    let config = read(&json!({
        "architecture": null, "os": null, "config": null, "rootfs": {"type": "layers", "diff_ids": null}, "history": null,
    }));
    assert_eq!((config.diff_ids(), &config.history[..]), (&[][..], &[][..]));
    assert_eq!(config.platform(), None);
    assert_eq!(config.rootfs.unwrap().diff_ids, []);
    assert_eq!(read(&json!({})), ImageConfig::default());
}

#[test]
fn empty_names_state_no_platform() {
    assert_eq!(read(&json!({"architecture": "", "os": ""})).platform(), None);
}

#[test]
fn what_is_no_config_is_refused() {
    for text in ["", "[]", "{", "\"x\"", "null", r#"{"config":{"Labels":{"a":1}}}"#, r#"{"rootfs":{"diff_ids":["x"]}}"#]
    {
        assert!(matches!(ImageConfig::parse(text.as_bytes()), Err(ConfigError::Json(_))), "{text}");
    }
    let large = vec![b' '; CONFIG_MAX_BYTES + 1];
    assert!(matches!(ImageConfig::parse(&large), Err(ConfigError::TooLarge { .. })));
}

#[test]
fn lists_without_end_are_refused() {
    for (list, item, most) in
        [("history", "{}", HISTORY_MAX), ("diff_ids", &format!("\"{}\"", Digest::sha256(b"")), DIFF_IDS_MAX)]
    {
        let document = |count: usize| {
            let items = vec![item; count].join(",");
            if list == "history" {
                format!("{{\"history\":[{items}]}}")
            } else {
                format!("{{\"rootfs\":{{\"diff_ids\":[{items}]}}}}")
            }
        };
        assert!(ImageConfig::parse(document(most).as_bytes()).is_ok());
        let error = ImageConfig::parse(document(most + 1).as_bytes()).unwrap_err();
        let source = std::error::Error::source(&error).unwrap().to_string();
        assert!(source.starts_with(&format!("a list of more than {most} items at line 1 column ")), "{source}");
    }
}
