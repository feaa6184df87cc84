//! Where metadata and blobs are kept, when not in the directory.

use std::path::PathBuf;

use resolve::document::{DocumentError, Table};

use super::files::{self, ReadFile};
use super::masked::without_password;
use super::origin::{Said, Source};
use super::{Configuration, ConfigurationError};
use crate::access::Secret;
use crate::storage::{Bucket, PostgresUrl};

/// What a URL of a bucket begins with.
const BUCKET_SCHEME: &str = "s3://";
/// The region where none is said. Services other than AWS mostly have this one.
const REGION: &str = "us-east-1";

/// A database.
#[derive(Clone, Debug, Default)]
pub struct DatabasePlace {
    pub(super) url: Option<Said<Secret>>,
    pub(super) password_file: Option<Said<PathBuf>>,
}

/// A bucket.
#[derive(Clone, Debug)]
pub struct BlobPlace {
    pub(super) url: Option<Said<String>>,
    pub(super) endpoint: Option<Said<String>>,
    pub(super) region: Option<Said<String>>,
    pub(super) path_style: bool,
    pub(super) access_key_file: Option<Said<PathBuf>>,
    pub(super) secret_key_file: Option<Said<PathBuf>>,
}

/// What the usual variables say of a bucket.
#[derive(Clone, Debug, Default)]
pub struct AwsVariables {
    /// `AWS_ACCESS_KEY_ID`
    pub access_key: Option<Secret>,
    /// `AWS_SECRET_ACCESS_KEY`
    pub secret_key: Option<Secret>,
    /// `AWS_SESSION_TOKEN`
    pub session_token: Option<Secret>,
    /// `AWS_REGION`, or `AWS_DEFAULT_REGION`.
    pub region: Option<String>,
    /// `AWS_ENDPOINT_URL`
    pub endpoint: Option<String>,
}

impl Default for BlobPlace {
    fn default() -> Self {
        Self { url: None, endpoint: None, region: None, path_style: true, access_key_file: None, secret_key_file: None }
    }
}

impl DatabasePlace {
    pub(super) fn apply(&mut self, table: &Table<'_>, source: &Source<'_>) -> Result<(), DocumentError> {
        if let Some(text) = table.text("url") {
            let help = "url = \"postgres://USER@HOST:5432/DATABASE\"";
            let wrong =
                || DocumentError::new("`url` is no URL of a PostgreSQL database", text.place.clone()).help(help);
            let has_scheme = ["postgres://", "postgresql://"].iter().any(|scheme| text.text.starts_with(scheme));
            if !has_scheme || text.text.parse::<PostgresUrl>().is_err() {
                return Err(wrong());
            }
            self.url = Some(source.said(Secret::new(text.text), text.place));
        }
        source.path(table, "password-file", &mut self.password_file)
    }

    /// Returns the URL without its password.
    pub(super) fn shown(&self) -> Option<String> {
        self.url.as_ref().map(|url| without_password(url.value.reveal()))
    }

    /// Tells whether two are the same, passwords included.
    fn is_same(&self, other: &Self) -> bool {
        let url = |place: &Self| place.url.as_ref().map(|url| url.value.reveal().to_owned());
        let file = |place: &Self| place.password_file.as_ref().map(|file| file.value.clone());
        url(self) == url(other) && file(self) == file(other)
    }
}

impl BlobPlace {
    pub(super) fn apply(&mut self, table: &Table<'_>, source: &Source<'_>) -> Result<(), DocumentError> {
        if let Some(text) = table.text("url") {
            if split(text.text).is_none() {
                let message = format!("`{}` is no bucket", without_password(text.text).escape_debug());
                return Err(DocumentError::new(message, text.place).help("url = \"s3://BUCKET/PREFIX\""));
            }
            self.url = Some(source.said(text.text.to_owned(), text.place));
        }
        source.text(table, "endpoint", &mut self.endpoint)?;
        if let Some(endpoint) = &self.endpoint
            && !is_endpoint(&endpoint.value)
        {
            let place = table.text("endpoint").map_or_else(|| table.place.clone(), |text| text.place);
            return Err(DocumentError::new(
                "`endpoint` is no URL of a service, which has no path and no password",
                place,
            )
            .help("endpoint = \"https://s3.example\""));
        }
        source.text(table, "region", &mut self.region)?;
        if table.has("path-style") {
            self.path_style = table.flag("path-style");
        }
        source.path(table, "access-key-file", &mut self.access_key_file)?;
        source.path(table, "secret-key-file", &mut self.secret_key_file)
    }
}

impl Configuration {
    /// Returns the database, with its password; `None` where the metadata is in the directory.
    ///
    /// # Errors
    /// [`ConfigurationError`] when the file of the password cannot be read.
    pub fn postgres(&self, read: ReadFile<'_>) -> Result<Option<PostgresUrl>, ConfigurationError> {
        let Some(said) = &self.database.url else {
            return match &self.database.password_file {
                Some(file) => Err(file.origin.error("a password, and no `url` of a database")),
                None => Ok(None),
            };
        };
        let parsed = said.value.reveal().parse::<PostgresUrl>();
        let url = parsed.map_err(|error| said.origin.error(error.to_string()))?;
        match &self.database.password_file {
            Some(file) => Ok(Some(url.with_password(&files::secret(file, read)?))),
            None => Ok(Some(url)),
        }
    }

    /// Returns the bucket, with the key to it; `None` where blobs are in the directory.
    ///
    /// # Errors
    /// [`ConfigurationError`] when there is no key, or a file of it cannot be read.
    pub fn bucket(&self, variables: &AwsVariables, read: ReadFile<'_>) -> Result<Option<Bucket>, ConfigurationError> {
        let blobs = &self.blobs;
        let Some(url) = &blobs.url else {
            let said = [&blobs.access_key_file, &blobs.secret_key_file].into_iter().flatten().next();
            return said.map_or(Ok(None), |file| Err(file.origin.error("a key, and no `url` of a bucket")));
        };
        let (name, prefix) = split(&url.value).unwrap_or_default();
        let key = |file: &Option<Said<PathBuf>>, variable: &Option<Secret>, names: (&str, &str)| match (file, variable)
        {
            (Some(file), _) => files::secret(file, read),
            (None, Some(secret)) => Ok(secret.clone()),
            (None, None) => Err(url.origin.error_with_help(
                format!("nothing says the key to the bucket: neither {} nor `{}`", names.0, names.1),
                &format!("export {}=…", names.0),
            )),
        };
        let is_by_variables = blobs.access_key_file.is_none() && blobs.secret_key_file.is_none();
        let access_key = key(&blobs.access_key_file, &variables.access_key, ("AWS_ACCESS_KEY_ID", "access-key-file"))?;
        let secret_key =
            key(&blobs.secret_key_file, &variables.secret_key, ("AWS_SECRET_ACCESS_KEY", "secret-key-file"))?;
        if blobs.endpoint.is_none() && variables.endpoint.as_deref().is_some_and(|endpoint| !is_endpoint(endpoint)) {
            // The library would tell it with its password.
            return Err(url.origin.error_with_help(
                "`AWS_ENDPOINT_URL` is no URL of a service, which has no path and no password",
                "export AWS_ENDPOINT_URL=https://s3.example",
            ));
        }
        let said = |said: &Option<Said<String>>, variable: &Option<String>| {
            said.as_ref().map(|said| said.value.clone()).or_else(|| variable.clone())
        };
        Ok(Some(Bucket {
            endpoint: said(&blobs.endpoint, &variables.endpoint),
            region: said(&blobs.region, &variables.region).unwrap_or_else(|| REGION.to_owned()),
            name: name.to_owned(),
            prefix: prefix.to_owned(),
            path_style: blobs.path_style,
            access_key: access_key.reveal().to_owned(),
            secret_key: secret_key.reveal().to_owned(),
            // It belongs to the key of the variables alone.
            session_token: variables
                .session_token
                .as_ref()
                .filter(|_| is_by_variables)
                .map(|token| token.reveal().to_owned()),
        }))
    }

    /// Tells whether anything is kept in the directory.
    pub const fn is_local(&self) -> bool {
        self.database.url.is_none() || self.blobs.url.is_none()
    }

    /// Returns the URL of the database without its password, if the metadata is in one.
    pub fn database_url(&self) -> Option<String> {
        self.database.shown()
    }

    /// Returns the URL of the bucket, if blobs are in one.
    pub fn bucket_url(&self) -> Option<&str> {
        self.blobs.url.as_ref().map(|url| url.value.as_str())
    }

    /// Tells whether the metadata is in the same database, reached by the same name and password.
    pub(super) fn has_same_database(&self, other: &Self) -> bool {
        self.database.is_same(&other.database)
    }
}

/// Returns the name of the bucket, and what the names of objects begin with.
fn split(url: &str) -> Option<(&str, &str)> {
    let rest = url.strip_prefix(BUCKET_SCHEME)?;
    let (name, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    let prefix = prefix.strip_suffix('/').unwrap_or(prefix);
    let is_bucket = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte));
    let is_part = |part: &str| {
        !part.is_empty()
            && part != "."
            && part != ".."
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte))
    };
    (is_bucket && (prefix.is_empty() || prefix.split('/').all(is_part))).then_some((name, prefix))
}

fn is_endpoint(url: &str) -> bool {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    rest.is_some_and(|host| {
        !host.is_empty() && !host.contains(['@', '/', '?', '#']) && !host.contains(char::is_whitespace)
    })
}

#[cfg(test)]
mod tests {
    use super::split;

    #[test]
    fn a_bucket_has_a_name_and_perhaps_a_prefix() {
        assert_eq!(split("s3://bucket"), Some(("bucket", "")));
        assert_eq!(split("s3://bucket/"), Some(("bucket", "")));
        assert_eq!(split("s3://bucket/team/registry/"), Some(("bucket", "team/registry")));
        for wrong in ["", "s3://", "s3:///x", "http://bucket", "s3://bu cket", "s3://b/../c", "s3://b//c", "s3://k:s@b"]
        {
            assert_eq!(split(wrong), None, "{wrong}");
        }
    }
}
