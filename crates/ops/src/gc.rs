//! The neutral collector: what is not needed any more, in a layout or in a repository of any registry.
//!
//! One plan is made for both by [`graph::RemovalPlan`]; what is different is how a place is looked at and how something is
//! removed there. A registry is seen through its public API, which lists tags and referrers and nothing else: what nobody names
//! there stands in no plan, and blobs are removed by the registry itself once no manifest needs them.

mod apply;
mod document;
mod look;
mod rules;

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, UNIX_EPOCH};

use graph::RemovalPlan;
use oci::{Reference, Selector, Tag, Timestamp};
use resolve::retention::{Rules, Verdict};
use store::layout::Holdings;
use store::{LayoutStore, Store};

pub use apply::{Applied, Left, apply};
pub use document::{
    KeptTag, PLAN_MAX_BYTES, PlanDocument, RemovalShape, RulesShape, SectionShape, TagShape, read_plan,
};

pub use rules::read_rules;

use crate::context::Context;
use crate::error::OpsError;
use look::At;

/// What to collect.
#[derive(Clone, Debug)]
pub struct GcRequest {
    /// A layout or a repository, without tag or digest.
    pub place: Reference,
    /// Which tags have served their time.
    pub rules: Rules,
    /// How old files of a layout have to be that nothing leads to.
    pub grace: Duration,
}

/// Makes the plan. Nothing is changed.
///
/// # Errors
/// [`OpsError::Usage`] for a place that cannot be collected; what the place brings. What cannot be read cannot be known to be
/// unused, so nothing is planned where a part of the graph cannot be read.
pub async fn plan(context: &Context, request: &GcRequest) -> Result<PlanDocument, OpsError> {
    Ok(plan_at(context, request).await?.document)
}

/// A plan, and as a value.
struct Planned {
    document: PlanDocument,
    plan: RemovalPlan,
}

async fn plan_at(context: &Context, request: &GcRequest) -> Result<Planned, OpsError> {
    let place = Place::of(request)?;
    let (store, held) = match place {
        Place::Layout => {
            let Reference::Layout { path, .. } = &request.place else { return Err(unsupported(&request.place)) };
            let layout = LayoutStore::open(path)?;
            let held = layout.holdings(settled_before(context, request.grace)).await?;
            (std::sync::Arc::new(layout) as std::sync::Arc<dyn Store>, held)
        }
        Place::Registry => {
            let store = context.open_itself(&request.place).await?;
            let held = look::look(context, &*store, At::Any).await?;
            (store, held)
        }
    };
    plan_of(context, &*store, &held, &request.rules).await
}

/// Makes the plan for what a place holds.
async fn plan_of(context: &Context, store: &dyn Store, held: &Holdings, rules: &Rules) -> Result<Planned, OpsError> {
    let dates = look::dates(context, store, held, rules).await?;
    let verdicts = rules.judge(&dates, context.observer().now());
    let taken: BTreeSet<Tag> =
        verdicts.iter().filter(|(_, verdict)| **verdict == Verdict::Goes).map(|(tag, _)| tag.clone()).collect();
    let plan = RemovalPlan::new(&held.inventory, &taken, &held.pinned, &held.recent);
    let document = PlanDocument::new(store.location(), rules, held, &plan, &verdicts, &dates);
    Ok(Planned { document, plan })
}

/// When the images of tags were made.
type Dates = BTreeMap<Tag, Option<Timestamp>>;

/// The kinds of place that can be collected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Layout,
    Registry,
}

impl Place {
    fn of(request: &GcRequest) -> Result<Self, OpsError> {
        let whole = request.place.with_selector(Selector::default());
        if whole != request.place {
            return Err(OpsError::usage(
                format!("`{}` names an image; what is collected is a whole repository or layout", request.place),
                format!("supercargo gc plan {whole}"),
            ));
        }
        match request.place {
            Reference::Layout { .. } => Ok(Self::Layout),
            Reference::Registry(_) => Ok(Self::Registry),
            _ => Err(unsupported(&request.place)),
        }
    }
}

fn unsupported(place: &Reference) -> OpsError {
    match place {
        Reference::Store { .. } => OpsError::usage(
            "the local content store is collected as a whole".to_owned(),
            "supercargo store prune".to_owned(),
        ),
        _ => OpsError::usage(
            format!("`{place}` is an archive, and nothing in an archive can be removed"),
            format!("supercargo copy {place} oci:DIR"),
        ),
    }
}

/// Returns the moment before which files have to have been written; `None` when nobody knows what time it is.
fn settled_before(context: &Context, grace: Duration) -> Option<std::time::SystemTime> {
    let now = u64::try_from(context.observer().now()?.seconds()).ok()?;
    UNIX_EPOCH.checked_add(Duration::from_secs(now.saturating_sub(grace.as_secs())))
}
