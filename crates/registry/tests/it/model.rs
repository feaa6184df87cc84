//! A model of how blobs come and go, every state of which is looked at.
//!
//! One blob, two repositories, a manifest and its tag in the first; two clients that push as clients do, somebody who deletes, a
//! collector, crashes, and nodes whose clocks are not the same. Each step is what the server does in one transaction, or one thing
//! that it does to the disk. What must hold (research: "Proof obligation"):
//!
//! - I1: a manifest that is there has its blob, with its bytes.
//! - I2: a push whose every step was answered well, within the lease, is not refused.
//! - I3: what nothing needs goes; from every state, once the clients stop and time passes.

use std::collections::BTreeSet;

use stateright::{Checker as _, HasDiscoveries, Model, Property};

/// How much there is of everything, and what goes wrong. Times are in ticks.
#[derive(Clone, Copy, Debug)]
struct Registry {
    fault: Fault,
    clients: usize,
    /// By how much clocks may differ. A promise is good for a lease but for that.
    skew: u8,
    lease: u8,
    end: u8,
    /// Uploads that can be begun, in all.
    places: u8,
    crashes: u8,
    deletions: u8,
}

type Place = u8;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Client {
    /// Has been told nothing.
    Idle,
    /// Its bytes are on their way; where they will be has been noted.
    Uploading(Place),
    /// The file has its name, the database does not know it.
    Committed(Place),
    /// Was told at this time that the blob is there.
    Told(u8),
    /// Was told within the lease, and its manifest was refused nevertheless.
    Refused,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct State {
    now: u8,
    /// The row of the blob: where its bytes are.
    row: Option<Place>,
    /// Until when each repository keeps the blob, if it has it.
    links: [Option<u8>; 2],
    /// Until when the manifest is kept, if it is there.
    manifest: Option<u8>,
    tagged: bool,
    /// When each of these is to be reviewed: both links, the manifest.
    reviews: [Option<u8>; 3],
    given_up: BTreeSet<Place>,
    noted: BTreeSet<Place>,
    disk: BTreeSet<Place>,
    /// What some worker has read and not yet removed. It may be late.
    sweeping: BTreeSet<Place>,
    places: u8,
    clients: Vec<Client>,
    crashes: u8,
    deletions: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Tick,
    /// HEAD of the blob, or the beginning of an upload; on a node whose clock is so much ahead.
    Look(usize, u8),
    Mount(usize, u8),
    Commit(usize),
    Add(usize, u8),
    PutManifest(usize, u8),
    GiveUpWaiting(usize),
    DeleteTag,
    DeleteManifest,
    DeleteFromSecond,
    Review(usize, u8),
    ReadGivenUp,
    Remove(Place),
    NoteRemoved,
    EndSession(Place),
    Crash,
}

const MANIFEST: usize = 2;

impl State {
    /// Keeps the blob for a repository until a time, and has that reviewed.
    fn link(&mut self, repository: usize, kept_until: u8) {
        let link = &mut self.links[repository];
        *link = Some(link.map_or(kept_until, |before| before.max(kept_until)));
        self.later(repository, kept_until);
    }

    fn later(&mut self, thing: usize, due: u8) {
        let review = &mut self.reviews[thing];
        *review = Some(review.map_or(due, |before| before.min(due)));
    }

    fn unlink(&mut self, repository: usize) {
        self.links[repository] = None;
        if self.links == [None, None]
            && let Some(place) = self.row.take()
        {
            self.given_up.insert(place);
        }
    }

    fn remove_manifest(&mut self, now: u8, lease: u8) {
        (self.manifest, self.tagged) = (None, false);
        if let Some(kept_until) = &mut self.links[0] {
            *kept_until = (*kept_until).max(now + lease);
        }
        self.later(0, now + lease);
    }

    fn review(&mut self, thing: usize, now: u8, lease: u8) {
        self.reviews[thing] = None;
        if thing == MANIFEST {
            match self.manifest {
                Some(kept_until) if !self.tagged && kept_until > now => self.later(MANIFEST, kept_until),
                Some(_) if !self.tagged => self.remove_manifest(now, lease),
                _ => {}
            }
            return;
        }
        let is_needed = thing == 0 && self.manifest.is_some();
        match self.links[thing] {
            Some(_) if is_needed => {}
            Some(kept_until) if kept_until > now => self.later(thing, kept_until),
            Some(_) => self.unlink(thing),
            None => {}
        }
    }

    fn is_at_work(&self, place: Place) -> bool {
        self.clients
            .iter()
            .any(|client| matches!(client, Client::Uploading(at) | Client::Committed(at) if *at == place))
    }

    fn end_session(&mut self, place: Place) {
        if self.row != Some(place) {
            self.disk.remove(&place);
        }
        self.noted.remove(&place);
    }

    /// Returns what is left when the clients have stopped and time passes.
    fn settled(&self, lease: u8) -> Self {
        let mut state = self.clone();
        state.clients.clear();
        for place in state.noted.clone() {
            state.end_session(place);
        }
        for _ in 0..4 {
            state.now = state.now.saturating_add(4 * lease);
            for thing in 0..state.reviews.len() {
                if state.reviews[thing].is_some_and(|due| due <= state.now) {
                    state.review(thing, state.now, lease);
                }
            }
        }
        state.disk = &state.disk - &state.given_up;
        state
    }
}

/// What the server would do wrong, to see that it would be found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    None,
    /// HEAD answers without a promise.
    NoPromise,
    /// A manifest that goes leaves no lease to its blobs.
    NoLeaseForChildren,
    /// Where the bytes will be is not noted.
    NotNoted,
    /// A place is used again by the next upload of the same content.
    PlaceUsedAgain,
}

impl Registry {
    fn look(&self, state: &mut State, client: usize, now: u8) -> Option<()> {
        let Some(kept_until) = state.links[0] else {
            if state.places == self.places {
                return None;
            }
            let place = if self.fault == Fault::PlaceUsedAgain { 0 } else { state.places };
            state.places += 1;
            if self.fault != Fault::NotNoted {
                state.noted.insert(place);
            }
            state.clients[client] = Client::Uploading(place);
            return Some(());
        };
        let is_promised = state.manifest.is_some() || kept_until >= now + self.lease;
        if !is_promised && self.fault != Fault::NoPromise {
            state.links[0] = Some(now + 2 * self.lease);
        }
        state.clients[client] = Client::Told(state.now);
        Some(())
    }

    fn put_manifest(&self, state: &mut State, client: usize, told: u8, now: u8) -> Option<()> {
        if state.now + self.skew >= told + self.lease {
            return None;
        }
        if state.links[0].is_none() {
            state.clients[client] = Client::Refused;
            return Some(());
        }
        let kept_until = now + 2 * self.lease;
        state.manifest = Some(state.manifest.map_or(kept_until, |before| before.max(kept_until)));
        state.tagged = true;
        state.later(MANIFEST, kept_until);
        state.clients[client] = Client::Idle;
        Some(())
    }
}

impl Model for Registry {
    type State = State;
    type Action = Step;

    fn init_states(&self) -> Vec<State> {
        // The second repository has the blob from before, and an image of its own needs it until it is deleted there.
        vec![State {
            now: 0,
            row: Some(100),
            links: [None, Some(u8::MAX)],
            manifest: None,
            tagged: false,
            reviews: [None; 3],
            given_up: BTreeSet::new(),
            noted: BTreeSet::new(),
            disk: BTreeSet::from([100]),
            sweeping: BTreeSet::new(),
            places: 0,
            clients: vec![Client::Idle; self.clients],
            crashes: self.crashes,
            deletions: self.deletions,
        }]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Step>) {
        let clocks = 0..=self.skew;
        if state.now < self.end {
            actions.push(Step::Tick);
        }
        for client in 0..state.clients.len() {
            match state.clients[client] {
                Client::Idle => actions
                    .extend(clocks.clone().flat_map(|clock| [Step::Look(client, clock), Step::Mount(client, clock)])),
                Client::Uploading(_) => actions.push(Step::Commit(client)),
                Client::Committed(_) => actions.extend(clocks.clone().map(|clock| Step::Add(client, clock))),
                Client::Told(_) => {
                    actions.extend(clocks.clone().map(|clock| Step::PutManifest(client, clock)));
                    actions.push(Step::GiveUpWaiting(client));
                }
                Client::Refused => {}
            }
        }
        if state.deletions > 0 {
            actions.extend([Step::DeleteTag, Step::DeleteManifest, Step::DeleteFromSecond]);
        }
        for thing in 0..state.reviews.len() {
            actions.extend(clocks.clone().map(|clock| Step::Review(thing, clock)));
        }
        if state.sweeping.is_empty() {
            actions.push(Step::ReadGivenUp);
        } else {
            actions.extend(state.sweeping.iter().map(|place| Step::Remove(*place)));
            actions.push(Step::NoteRemoved);
        }
        actions.extend(state.noted.iter().map(|place| Step::EndSession(*place)));
        if state.crashes > 0 {
            actions.push(Step::Crash);
        }
    }

    fn next_state(&self, last: &State, step: Step) -> Option<State> {
        let mut state = last.clone();
        match step {
            Step::Tick => state.now += 1,
            Step::Look(client, clock) => self.look(&mut state, client, last.now + clock)?,
            Step::Mount(client, clock) => {
                last.links[1]?;
                state.link(0, last.now + clock + 2 * self.lease);
                state.clients[client] = Client::Told(last.now);
            }
            Step::Commit(client) => {
                let Client::Uploading(place) = last.clients[client] else { return None };
                state.disk.insert(place);
                state.clients[client] = Client::Committed(place);
            }
            Step::Add(client, clock) => {
                let Client::Committed(place) = last.clients[client] else { return None };
                state.row = Some(last.row.unwrap_or(place));
                state.link(0, last.now + clock + 2 * self.lease);
                state.clients[client] = Client::Told(last.now);
                state.end_session(place);
            }
            Step::PutManifest(client, clock) => {
                let Client::Told(told) = last.clients[client] else { return None };
                self.put_manifest(&mut state, client, told, last.now + clock)?;
            }
            Step::GiveUpWaiting(client) => state.clients[client] = Client::Idle,
            Step::DeleteTag => {
                let kept_until = last.manifest.filter(|_| last.tagged)?.max(last.now + 2 * self.lease);
                (state.tagged, state.manifest) = (false, Some(kept_until));
                state.later(MANIFEST, kept_until);
                state.deletions -= 1;
            }
            Step::DeleteManifest => {
                last.manifest?;
                if self.fault == Fault::NoLeaseForChildren {
                    (state.manifest, state.tagged) = (None, false);
                    state.later(0, last.now);
                } else {
                    state.remove_manifest(last.now, self.lease);
                }
                state.deletions -= 1;
            }
            Step::DeleteFromSecond => {
                last.links[1]?;
                state.unlink(1);
                state.deletions -= 1;
            }
            Step::Review(thing, clock) => {
                last.reviews[thing].filter(|due| *due <= last.now + clock)?;
                state.review(thing, last.now + clock, self.lease);
            }
            Step::ReadGivenUp => {
                if last.given_up.is_empty() {
                    return None;
                }
                state.sweeping.clone_from(&last.given_up);
            }
            Step::Remove(place) => {
                if !state.disk.remove(&place) {
                    return None;
                }
            }
            Step::NoteRemoved => {
                if !last.sweeping.is_disjoint(&last.disk) && self.fault != Fault::PlaceUsedAgain {
                    return None;
                }
                state.given_up = &last.given_up - &last.sweeping;
                state.sweeping.clear();
            }
            Step::EndSession(place) => {
                if last.is_at_work(place) {
                    return None;
                }
                state.end_session(place);
            }
            Step::Crash => {
                for client in &mut state.clients {
                    if matches!(client, Client::Uploading(_) | Client::Committed(_)) {
                        *client = Client::Idle;
                    }
                }
                state.sweeping.clear();
                state.crashes -= 1;
            }
        }
        Some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("I1: a manifest that is there has its blob", |_, state: &State| {
                let has_bytes = state.row.is_some_and(|place| state.disk.contains(&place));
                state.manifest.is_none() || (state.links[0].is_some() && has_bytes)
            }),
            Property::always("what a repository has has its bytes", |_, state: &State| {
                let has_bytes = state.row.is_some_and(|place| state.disk.contains(&place));
                state.links == [None, None] || has_bytes
            }),
            Property::always("I2: what was promised is kept", |_, state: &State| {
                !state.clients.contains(&Client::Refused)
            }),
            Property::always("I3: what nothing needs goes", |model: &Self, state: &State| {
                let settled = state.settled(model.lease);
                let is_needed = settled.tagged || settled.links[1].is_some();
                let needed = settled.row.into_iter().filter(|_| is_needed).collect();
                settled.disk == needed && (settled.tagged || settled.links[0].is_none())
            }),
            Property::sometimes("a blob goes and comes again", |_, state: &State| {
                state.tagged && state.row.is_some_and(|place| place != 100)
            }),
        ]
    }

    fn within_boundary(&self, state: &State) -> bool {
        state.now <= self.end
    }
}

impl Registry {
    /// Two clients and a crash, with one clock.
    const BUSY: Self =
        Self { fault: Fault::None, clients: 2, skew: 0, lease: 1, end: 3, places: 2, crashes: 1, deletions: 1 };
    /// One client, and nodes whose clocks differ.
    const SKEWED: Self =
        Self { fault: Fault::None, clients: 1, skew: 1, lease: 2, end: 5, places: 2, crashes: 1, deletions: 1 };
}

#[test]
fn the_protocol_loses_nothing_and_leaves_nothing() {
    for model in [Registry::BUSY, Registry::SKEWED] {
        let checker = model.checker().spawn_bfs().join();
        eprintln!("{} states, {} deep: {model:?}", checker.unique_state_count(), checker.max_depth());
        checker.assert_properties();
    }
}

#[test]
fn the_model_finds_what_a_registry_could_do_wrong() {
    for (fault, property) in [
        (Fault::NoPromise, "I2: what was promised is kept"),
        (Fault::NoLeaseForChildren, "I2: what was promised is kept"),
        (Fault::NotNoted, "I3: what nothing needs goes"),
        (Fault::PlaceUsedAgain, "what a repository has has its bytes"),
    ] {
        let found = [Registry::BUSY, Registry::SKEWED].into_iter().any(|model| {
            let checker = Registry { fault, ..model }
                .checker()
                .finish_when(HasDiscoveries::AnyOf([property].into()))
                .spawn_bfs()
                .join();
            checker.discovery(property).is_some()
        });
        assert!(found, "{fault:?}");
    }
}
