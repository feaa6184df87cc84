use oci::{Algorithm, Digest, DigestError, Hasher};
use proptest::prelude::*;

#[test]
fn the_empty_content_has_its_well_known_digests() {
    let expected = [
        "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "sha512:cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e",
        "blake3:af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262",
    ];
    for (algorithm, text) in Algorithm::ALL.into_iter().zip(expected) {
        assert_eq!(algorithm.digest(b"").to_string(), text);
    }
}

#[test]
fn text_that_is_not_canonical_is_refused() {
    let good = Digest::sha256(b"").to_string();
    let bad = [
        String::new(),
        "sha256".to_owned(),
        "sha256:".to_owned(),
        good.replace("sha256:", ""),
        good.replace("sha256:", "sha256-"),
        good.replace("sha256:", "SHA256:"),
        good.replace("sha256:", "sha512:"),
        good.replace("sha256:", ":"),
        good.to_uppercase().replace("SHA256", "sha256"),
        good[..good.len() - 1].to_owned(),
        format!("{good}0"),
        format!("{good} "),
        format!(" {good}"),
        format!("{good}\n"),
        good.replace('e', "g"),
        good.replace("e3b0", "../."),
        "sha256:é3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b85".to_owned(),
    ];
    for text in bad {
        assert!(text.parse::<Digest>().is_err(), "{text:?}");
    }
}

#[test]
fn an_unknown_algorithm_is_an_error_of_its_own() {
    for text in ["md5:d41d8cd98f00b204e9800998ecf8427e", "sha384:00", "multihash+base58:QmRZ"] {
        assert!(matches!(text.parse::<Digest>(), Err(DigestError::Algorithm(_))), "{text}");
    }
}

#[test]
fn a_mismatch_names_both_digests() {
    let expected = Digest::sha256(b"promised");
    let error = expected.verify(b"delivered").unwrap_err();
    assert_eq!(error, DigestError::Mismatch { expected, found: Digest::sha256(b"delivered") });
    assert!(expected.verify(b"promised").is_ok());
    let text = error.to_string();
    assert!(text.contains(&expected.to_string()) && text.contains(&Digest::sha256(b"delivered").to_string()));
}

#[test]
fn the_same_value_under_two_algorithms_is_two_digests() {
    let value = "0".repeat(64);
    let digests = ["sha256", "blake3"].map(|name| format!("{name}:{value}").parse::<Digest>().unwrap());
    assert_ne!(digests[0], digests[1]);
    assert_eq!(digests[0].short(), "sha256:000000000000");
}

#[test]
fn errors_do_not_carry_control_characters_or_megabytes() {
    let error = "sha256:\u{1b}[2J".parse::<Digest>().unwrap_err().to_string();
    assert!(!error.chars().any(char::is_control), "{error:?}");
    let error = format!("sha256:{}", "x".repeat(1_000_000)).parse::<Digest>().unwrap_err().to_string();
    assert!(error.len() < 1000);
}

proptest! {
    #[test]
    fn a_digest_reads_as_it_was_written(content in any::<Vec<u8>>(), which in 0..3_usize) {
        let digest = Algorithm::ALL[which].digest(&content);
        prop_assert_eq!(digest.to_string().parse::<Digest>().unwrap(), digest);
        let json = serde_json::to_string(&digest).unwrap();
        prop_assert_eq!(serde_json::from_str::<Digest>(&json).unwrap(), digest);
        prop_assert_eq!(digest.value().len(), digest.algorithm().value_bytes());
        prop_assert!(digest.verify(&content).is_ok());
    }

    #[test]
    fn a_hasher_does_not_see_where_chunks_end(content in any::<Vec<u8>>(), at in any::<prop::sample::Index>()) {
        let cut = at.index(content.len() + 1);
        for algorithm in Algorithm::ALL {
            let mut hasher = algorithm.hasher();
            hasher.update(&content[..cut]);
            hasher.update(&content[cut..]);
            prop_assert_eq!(hasher.finish(), algorithm.digest(&content));
        }
    }

    #[test]
    fn what_is_accepted_is_canonical(text in "(sha256|sha512|blake3|md5)?:?[0-9a-fA-F]{60,130}") {
        if let Ok(digest) = text.parse::<Digest>() {
            prop_assert_eq!(digest.to_string(), text);
        }
    }

    #[test]
    fn no_text_makes_it_panic(text in any::<String>()) {
        let _ = text.parse::<Digest>();
        let _ = text.parse::<Algorithm>();
    }
}

#[test]
fn bytes_and_states_come_back() {
    for algorithm in Algorithm::ALL {
        let digest = algorithm.digest(b"content");
        assert_eq!(Digest::from_bytes(&digest.to_bytes()), Some(digest));
        assert_eq!(Digest::from_bytes(&digest.to_bytes()[1..]), None);

        let mut hasher = algorithm.hasher();
        hasher.update(b"con");
        let Some(state) = hasher.state() else {
            assert_eq!(algorithm, Algorithm::Blake3, "whose state cannot be written down");
            continue;
        };
        let mut resumed = Hasher::resume(algorithm, &state).unwrap();
        resumed.update(b"tent");
        assert_eq!(resumed.finish(), digest);
        assert!(Hasher::resume(algorithm, &state[1..]).is_none());
    }
    assert_eq!(Digest::from_bytes(&[]), None);
    assert_eq!(Digest::from_bytes(&[3; 33]), None);
    let mut digests = [Algorithm::Sha512.digest(b"a"), Algorithm::Sha256.digest(b"b"), Algorithm::Sha256.digest(b"a")];
    digests.sort_unstable();
    let mut bytes = digests.map(|digest| digest.to_bytes());
    bytes.sort_unstable();
    assert_eq!(bytes, digests.map(|digest| digest.to_bytes()), "in the same order");
}
