//! The routes of the rules, and what became of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use oci::Reference;
use transfer::{RootRequest, Route, RouteReport};

use super::state::State;
use super::{Looked, MirrorList, MirrorRequest, RuleReport, place};
use crate::error::OpsError;

/// The routes of some rules, and which rules each is for.
#[derive(Default)]
pub(super) struct Planned {
    pub(super) routes: Vec<Route>,
    /// Of each route the rules, as places in what was found.
    rules: Vec<Vec<usize>>,
}

impl Planned {
    pub(super) fn new<'a>(list: &MirrorList, group: impl Iterator<Item = &'a (usize, Looked)>) -> Self {
        let mut planned = Self::default();
        let mut places: BTreeMap<(String, String), usize> = BTreeMap::new();
        for (number, looked) in group.filter(|(_, looked)| !looked.roots.is_empty()) {
            let rule = &list.rules[*number];
            let source = place::key(&Reference::Registry(rule.source.clone()));
            let place = *places.entry((source, place::key(&rule.destination))).or_insert_with(|| {
                planned.rules.push(Vec::new());
                planned.routes.push(Route {
                    source: Arc::clone(&looked.source),
                    destination: Arc::clone(&looked.destination),
                    roots: Vec::new(),
                    source_tags: Some(looked.source_tags.to_vec()),
                    urls: None,
                });
                planned.routes.len() - 1
            });
            planned.rules[place].push(*number);
            let roots = &mut planned.routes[place].roots;
            for root in &looked.roots {
                let is_same = |known: &RootRequest| known.tag == root.tag && known.selector == root.selector;
                if root.tag.is_none() || !roots.iter().any(is_same) {
                    roots.push(root.clone());
                }
            }
        }
        planned
    }

    /// Says of every rule what became of it, and remembers the tags that were put.
    pub(super) fn tell(
        &self,
        list: &MirrorList,
        found: &[(usize, Looked)],
        reports: Vec<Result<RouteReport, transfer::TransferError>>,
        state: &mut State,
        outcomes: &mut [Option<Result<RuleReport, OpsError>>],
        request: &MirrorRequest,
    ) -> Result<(), OpsError> {
        let by_number: BTreeMap<usize, &Looked> = found.iter().map(|(number, looked)| (*number, looked)).collect();
        for (rules, report) in self.rules.iter().zip(reports) {
            let mut report = match report {
                Ok(report) => Ok(Some(report)),
                Err(error) if request.options.keep_going => Err(Some(OpsError::from(error))),
                Err(error) => return Err(error.into()),
            };
            for number in rules {
                let (rule, Some(looked)) = (&list.rules[*number], by_number.get(number)) else { continue };
                if let Ok(Some(report)) = &report
                    && !request.dry_run
                {
                    state.remember(place::key(&rule.destination), &report.roots, &looked.before);
                }
                outcomes[*number] = Some(match &mut report {
                    Ok(report) => Ok(looked.report(report.take())),
                    // The first rule of the route tells; of the others it is said that it did.
                    Err(error) => Err(error.take().unwrap_or_else(|| {
                        OpsError::usage(format!("`{}` failed with another rule", rule.source), None)
                    })),
                });
            }
        }
        let of_group = found.iter().filter(|(number, looked)| looked.roots.is_empty() && outcomes[*number].is_none());
        let idle: Vec<(usize, RuleReport)> = of_group.map(|(number, looked)| (*number, looked.report(None))).collect();
        for (number, report) in idle {
            outcomes[number] = Some(Ok(report));
        }
        Ok(())
    }
}
