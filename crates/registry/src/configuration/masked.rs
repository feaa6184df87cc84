//! Texts of a configuration without what is secret in them.

use resolve::document::is_secret;

/// What stands for what does not show.
const HIDDEN: &str = "***";

/// Ends the value of a parameter, in a URL and in the line of a file that has one.
const ENDS: [char; 6] = ['&', '"', '\'', ' ', '\r', '\n'];

/// Returns a URL with something in the place of its password, whatever its length.
pub(super) fn without_password(url: &str) -> String {
    hidden(url, |_| HIDDEN.to_owned())
}

/// Returns a text of as many bytes and lines, with stars in the place of passwords in URLs, and of hashes, for a key may stand there
/// itself. Rather too much is hidden than too little: a line may be no TOML at all.
pub fn masked(text: &str) -> String {
    let stars = |secret: &str| "*".repeat(secret.len());
    text.split_inclusive('\n').map(|line| without_hash(&hidden(line, stars), stars)).collect()
}

/// Hides what stands between a user's name and the last `@`, and the values of parameters that may be secret.
fn hidden(line: &str, hide: impl Fn(&str) -> String) -> String {
    let Some((scheme, rest)) = line.split_once("://") else { return line.to_owned() };
    let (user, rest) = match rest.rsplit_once('@').and_then(|(user, host)| Some((user.split_once(':')?, host))) {
        Some(((user, password), host)) => (format!("{user}:{}@", hide(password)), host),
        None => (String::new(), rest),
    };
    let Some((path, query)) = rest.split_once('?') else { return format!("{scheme}://{user}{rest}") };
    let parameter = |parameter: &str| {
        let Some((name, value)) = parameter.split_once('=') else { return parameter.to_owned() };
        if !is_secret(name) {
            return parameter.to_owned();
        }
        let (value, after) = value.split_at(value.find(ENDS).unwrap_or(value.len()));
        format!("{name}={}{after}", hide(value))
    };
    let query: Vec<String> = query.split('&').map(parameter).collect();
    format!("{scheme}://{user}{path}?{}", query.join("&"))
}

/// Hides the text that follows `hash =`.
fn without_hash(line: &str, hide: impl Fn(&str) -> String) -> String {
    let Some((before, rest)) = line.split_once("hash") else { return line.to_owned() };
    let quotes = ['"', '\''];
    let Some(at) = rest.find(quotes).filter(|at| rest[..*at].trim() == "=") else { return line.to_owned() };
    let (opening, value) = rest.split_at(at + 1);
    let (value, after) = value.split_at(value.find([quotes[0], quotes[1], '\n']).unwrap_or(value.len()));
    format!("{before}hash{opening}{}{after}", hide(value))
}

#[cfg(test)]
mod tests {
    use super::{masked, without_password};

    #[test]
    fn passwords_in_urls_do_not_show() {
        for (url, shown) in [
            ("postgres://ada:s3cret@host:5432/db", "postgres://ada:***@host:5432/db"),
            ("postgres://ada:s@c/r:t@host/db?x=1", "postgres://ada:***@host/db?x=1"),
            ("postgres://ada@host/db?password=s3cret&x=1", "postgres://ada@host/db?password=***&x=1"),
            ("postgres://ada@host/db", "postgres://ada@host/db"),
            ("https://registry.example:443/token", "https://registry.example:443/token"),
        ] {
            assert_eq!(without_password(url), shown);
        }
        let text = "a = 1\nurl = \"postgres://ada:pä@host/db\nb = 'http://x:y@z' # é";
        let hidden = masked(text);
        assert_eq!(hidden, "a = 1\nurl = \"postgres://ada:***@host/db\nb = 'http://x:*@z' # é");
        assert_eq!(hidden.len(), text.len());
    }

    #[test]
    fn parameters_and_hashes_do_not_show() {
        let text = "a = \"https://h/x?token=abc&n=1\" # ?\nhash = \"abc\"\n{ id = 'a', hash = 'ab' }\nb = 1";
        assert_eq!(
            masked(text),
            "a = \"https://h/x?token=***&n=1\" # ?\nhash = \"***\"\n{ id = 'a', hash = '**' }\nb = 1"
        );
        assert_eq!(without_password("s3://bucket?X-Secret=abcdef"), "s3://bucket?X-Secret=***");
    }
}
