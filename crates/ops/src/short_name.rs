//! Short names, which do not say which registry they are in: what the aliases of `registries.conf` make of them, and what there is to say of
//! the others.

use oci::{Reference, ReferenceError};

use crate::context::Context;
use crate::destination::Destination;
use crate::error::OpsError;

/// Most places that are named where a short name may be.
const PLACES_MAX: usize = 5;

impl Context {
    /// Reads a reference. A short name is what the aliases of `registries.conf` say, and is never guessed: returns also whether it
    /// was one.
    ///
    /// # Errors
    /// [`ReferenceError`] of the text, or [`OpsError::ShortName`]; as [`client::routing::Routing::from_files`] for a short name.
    pub fn reference(&self, text: &str) -> Result<(Reference, bool), OpsError> {
        let error = match text.parse() {
            Ok(reference) => return Ok((reference, false)),
            Err(error) => error,
        };
        match self.alias(text, &error)? {
            Some(long) => Ok((long.parse()?, true)),
            None => Err(self.unknown(text, error)),
        }
    }

    /// Reads where something goes. Aliases are for what is read, as they are for podman: a short name is an error, which says what it
    /// could be.
    ///
    /// # Errors
    /// As [`Context::reference`].
    pub fn destination(&self, text: &str) -> Result<Destination, OpsError> {
        let error = match text.parse() {
            Ok(destination) => return Ok(destination),
            Err(error) => error,
        };
        let Some(instead) = self.alias(text, &error)? else { return Err(self.unknown(text, error)) };
        let reason = format!("the alias `{instead}` of registries.conf is for what is read");
        Err(OpsError::ShortName { name: text.to_owned(), reason, instead })
    }

    /// Returns the full name for which a short one stands, with its tag and digest.
    fn alias(&self, text: &str, error: &ReferenceError) -> Result<Option<String>, OpsError> {
        let ReferenceError::ShortName { .. } = error else { return Ok(None) };
        let (short, rest) = text.split_at(text.find([':', '@']).unwrap_or(text.len()));
        Ok(self.routing()?.alias(short).map(|long| format!("{long}{rest}")))
    }

    /// Returns the error of what cannot be read; that of a short name says where podman would look for it.
    fn unknown(&self, text: &str, error: ReferenceError) -> OpsError {
        let (ReferenceError::ShortName { .. }, Ok(routing)) = (&error, self.routing()) else { return error.into() };
        let search = routing.search_registries().iter();
        let places = search.filter_map(|registry| match format!("{registry}/{text}").parse().ok()? {
            Destination::Exactly(place) => Some(place.to_string()),
            Destination::Below(prefix) => Some(prefix),
        });
        let places: Vec<String> = places.take(PLACES_MAX).collect();
        let Some(instead) = places.first().cloned() else { return error.into() };
        let places = places.iter().map(|place| format!("`{place}`")).collect::<Vec<_>>().join(", ");
        let reason = format!("no alias explains it, and by unqualified-search-registries it may be {places}");
        OpsError::ShortName { name: text.to_owned(), reason, instead }
    }
}

#[cfg(test)]
mod tests {
    use client::routing::RoutingFiles;

    use super::*;
    use crate::context::ContextOptions;

    const CONF: &str =
        "unqualified-search-registries = ['one.example', 'docker.io']\n[aliases]\nweb = 'h.example/team/web'\n";

    fn context(conf: &str) -> (tempfile::TempDir, Context) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("registries.conf");
        store::atomic::save(&path, conf.as_bytes()).unwrap();
        let routing_files = RoutingFiles { registries_conf: Some(path), ..RoutingFiles::default() };
        (directory, Context::new(ContextOptions { routing_files, ..ContextOptions::default() }))
    }

    fn short(error: OpsError) -> (String, String) {
        match error {
            OpsError::ShortName { ref instead, .. } => (error.to_string(), instead.clone()),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn an_alias_is_for_what_is_read() {
        let (_directory, context) = context(CONF);
        let (reference, was_short) = context.reference("web:1").unwrap();
        assert_eq!((reference.to_string().as_str(), was_short), ("h.example/team/web:1", true));
        let (message, instead) = short(context.destination("web:1").unwrap_err());
        assert_eq!(instead, "h.example/team/web:1");
        assert!(message.starts_with("`web:1` does not say which registry it is in: the alias"), "{message}");
        assert!(context.destination("h.example/web/").is_ok());
    }

    #[test]
    fn of_another_it_is_said_where_it_would_be_looked_for() {
        let (_directory, context) = context(CONF);
        let (message, instead) = short(context.reference("app:2").unwrap_err());
        assert_eq!(instead, "one.example/app:2");
        assert!(message.ends_with("it may be `one.example/app:2`, `docker.io/library/app:2`"), "{message}");
        assert_eq!(short(context.destination("app:2").unwrap_err()), (message, instead));
        assert_eq!(short(context.destination("team/").unwrap_err()).1, "one.example/team/");
        assert!(matches!(context.reference("h.example/A").unwrap_err(), OpsError::Reference(ReferenceError::Name(_))));
    }

    #[test]
    fn without_such_registries_it_is_said_what_it_is_on_docker_hub() {
        let (_directory, context) = context("");
        for (name, full) in [("app", "docker.io/library/app"), ("team/", "docker.io/team/")] {
            match context.destination(name).unwrap_err() {
                OpsError::Reference(ReferenceError::ShortName { instead, .. }) => assert_eq!(instead, full),
                other => panic!("{other:?}"),
            }
        }
    }
}
