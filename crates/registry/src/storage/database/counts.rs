//! What a database was asked, and what came of it.

use std::sync::Arc;
use std::time::Instant;

use crate::observe::{Counter, Exposition, Histogram, family};

/// What is counted of one database. Cloning gives another handle to the same.
#[derive(Clone, Debug, Default)]
pub(crate) struct Counts(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    reads: Asked,
    writes: Asked,
    commits: Counter,
    committed: Counter,
    retries: Counter,
}

/// What is counted of one kind of operation.
#[derive(Debug, Default)]
struct Asked {
    took: Histogram,
    failed: Counter,
}

impl Asked {
    fn count(&self, began: Instant, is_well: bool) {
        self.took.observe(began.elapsed());
        if !is_well {
            self.failed.one();
        }
    }
}

impl Counts {
    /// Counts something that was asked.
    pub(super) fn read(&self, began: Instant, is_well: bool) {
        self.0.reads.count(began, is_well);
    }

    /// Counts a change.
    pub(super) fn write(&self, began: Instant, is_well: bool) {
        self.0.writes.count(began, is_well);
    }

    /// Counts a commit of so many changes.
    pub(super) fn committed(&self, operations: usize) {
        self.0.commits.one();
        self.0.committed.add(operations as u64);
    }

    /// Counts a change that runs again.
    pub(super) fn again(&self) {
        self.0.retries.one();
    }
}

/// Writes what was counted of databases, each with its name.
pub(crate) fn write(exposition: &mut Exposition, databases: &[(&str, &Counts)]) {
    let kinds = |database: &str, counts: &Counts, write: &mut dyn FnMut(&[&str], &Asked)| {
        write(&[database, "read"], &counts.0.reads);
        write(&[database, "write"], &counts.0.writes);
    };
    for (name, counts) in databases {
        kinds(name, counts, &mut |labels, asked| {
            exposition.histogram(&family::DATABASE_DURATION, labels, &asked.took);
        });
    }
    for (name, counts) in databases {
        kinds(name, counts, &mut |labels, asked| {
            exposition.labelled(&family::DATABASE_FAILURES, labels, asked.failed.get());
        });
    }
    for (family, number) in [
        (&family::DATABASE_COMMITS, (|inner| &inner.commits) as fn(&Inner) -> &Counter),
        (&family::DATABASE_COMMITTED, |inner| &inner.committed),
        (&family::DATABASE_RETRIES, |inner| &inner.retries),
    ] {
        for (name, counts) in databases {
            exposition.labelled(family, &[name], number(&counts.0).get());
        }
    }
}
