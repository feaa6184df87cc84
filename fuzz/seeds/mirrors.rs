//! Lists of mirrors, and logs of what tags were seen to name.

use oci::Digest;

use super::{Seeds, numbered};

/// A list, tags, a range of another tool.
pub fn mirror() -> Seeds {
    let tags = "1.57.0\n1.58.0\n1.58.0-rc.1\nv2.0.1\n2.1.0-alpine\nlatest\nedge\nsha256-4c8b96d4fffdfae29258d94a22ae4ad1fe36139d47288b8960d9958d1e63a9d0.sig";
    numbered([
        format!(
            "every = \"1h\"\n\n[[mirror]]\nfrom = \"docker.io/jaegertracing/jaeger\"\nto = \"registry.example/mirror/\"\nversion = \"^2.0 || ~1.57\"\nkeep = 3\ntags = [\"latest\"]\n\0{tags}\0>=1.0 <2.0.0 || 3.x"
        ),
        format!(
            "[[mirror]]\nfrom = \"quay.io/a/\"\nimages = [\"b\", \"c/d\"]\nto = \"registry.example/a/\"\nexcept = [\"*-rc*\", \"?dge\"]\nplatforms = [\"linux/amd64\"]\nartifacts = false\n\0{tags}\x001.2.3"
        ),
        format!(
            "[[mirror]]\nfrom = \"h.example/a\"\nto = \"oci:a\"\ntag = \"v?{{version}}-{{os}}\"\nscheme = \"semver\"\naxes = {{ os = \"alpine\" }}\nprerelease = \"allow\"\n\0{tags}\0!=1"
        ),
        format!("[[mirror]]\nfrom = \"h.example/a\"\nto = \"registry.example/a\"\ntags = []\n\0{tags}\0,v1 ^2"),
        "[[mirror]]\nfrom = \"nginx\"\nto = \"registry.example/a:1\"".to_owned(),
        "every = \"0s\"\n[[mirror]]\nfrm = \"\u{e4}\u{1b}\"".to_owned(),
        "mirror = [{ from = \"h.example/a/\", to = \"oci:a/\", images = [\"..\", \"B\"], keep = 0 }]".to_owned(),
    ])
}

/// Two logs.
pub fn observation() -> Seeds {
    let (one, two) = (Digest::sha256(b"1"), Digest::sha256(b"2"));
    let head = "supercargo.observations.v1\tregistry.example/shop/web\n";
    let moved = format!(
        "{head}2026-01-01T00:00:00Z\tlatest\t{one}\n2026-02-01T00:00:00Z\tlatest\t{two}\n2026-03-01T00:00:00Z\tlatest\t{one}\tregistry.example/team/logs:1\n2026-03-01T00:00:00Z\t*\tlisted\n"
    );
    let gone = format!(
        "{head}2026-01-01T00:00:00Z\t1.0\tlisted\n2026-01-01T00:00:00Z\t1.0\t{one}\n2026-01-01T00:00:00Z\t1.0\tgone\tb\n2026-01-01T00:00:00Z\t1.0\tgone\ta\n2026-01-02T00:00:00Z\t*\tlisted\tc\n"
    );
    let same: String = (1..9).map(|day| format!("2026-01-0{day}T00:00:00Z\t1\t{one}\n")).collect();
    numbered([
        format!("{moved}\0{gone}"),
        format!("{head}{same}\0{moved}"),
        format!("{head}2026-01-01T00:00:00+00:00\ta\tgone\n\n2026-13-01T00:00:00Z\ta\tgone\nx\n{}\n", "y".repeat(520)),
        format!(
            "{head}9999-12-31T23:59:59Z\ta\tlisted\n0000-01-01T00:00:00Z\t*\tgone\n2026-01-01T00:00:00Z\t-\tgone\t\u{1b}"
        ),
        "supercargo.observations.v1\tregistry.example/a:1\n".to_owned(),
        "supercargo.observations.v2\t\u{1b}".to_owned(),
    ])
}
