//! One thing for each package.

use std::ops::{Index, IndexMut};

use super::problem::{Package, PackageId, Problem};

/// One thing for each package of a problem.
#[derive(Clone, Debug)]
pub(super) struct PerPackage<T>(Vec<T>);

impl<T> PerPackage<T> {
    pub(super) fn of(problem: &Problem, make: impl FnMut(&Package) -> T) -> Self {
        Self(problem.packages.iter().map(make).collect())
    }

    /// Returns what there is for the package; `None` for a number of none.
    pub(super) fn get(&self, package: PackageId) -> Option<&T> {
        self.0.get(package.0 as usize)
    }
}

impl<T> Index<PackageId> for PerPackage<T> {
    type Output = T;

    fn index(&self, package: PackageId) -> &T {
        // `Problem::check` has seen that every number of a package in a problem is of one.
        &self.0[package.0 as usize]
    }
}

impl<T> IndexMut<PackageId> for PerPackage<T> {
    fn index_mut(&mut self, package: PackageId) -> &mut T {
        // As above.
        &mut self.0[package.0 as usize]
    }
}
