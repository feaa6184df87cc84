use std::sync::Arc;

use oci::RepositoryName;

use super::{Before, MANIFESTS_MAX_BYTES, Measured, Shelf};
use crate::storage::collect::Stay;
use crate::storage::database::{Touched, Versions};

impl Measured for u64 {
    fn bytes(&self) -> u64 {
        *self
    }
}

fn repository() -> RepositoryName {
    "app".parse().unwrap()
}

/// What a request does, one step after another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reader {
    Waiting,
    /// It found nothing; before it did, so much had been seen.
    Missed(Before, u64),
    /// The database answered.
    Asked(Before, u64, u64),
    Done,
}

/// What a change does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Writer {
    Waiting,
    /// The version has been counted up.
    Begun,
    /// Others may see it.
    Committed,
    Acknowledged,
}

/// One shelf over a database with one value, which changes once from 0 to 1.
struct World {
    versions: Arc<Versions>,
    shelf: Shelf<u64, u64>,
    value: u64,
    /// The newest value that somebody saw or was told of.
    seen: u64,
    /// Whether the version is read at the wrong time: when the answer is remembered.
    is_faulty: bool,
}

impl World {
    fn new(is_faulty: bool) -> Self {
        let versions = Arc::new(Versions::default());
        let shelf = Shelf::new(&versions, MANIFESTS_MAX_BYTES);
        Self { versions, shelf, value: 0, seen: 0, is_faulty }
    }

    /// Takes the next step of a reader. Returns false when it was told of something that had been replaced.
    fn read(&mut self, reader: &mut Reader) -> bool {
        let told = match *reader {
            Reader::Waiting => match self.shelf.recall(&repository(), &0, |_| true) {
                Ok(value) => Some((*value, self.seen)),
                Err(before) => {
                    *reader = Reader::Missed(before, self.seen);
                    None
                }
            },
            Reader::Missed(before, seen) => {
                *reader = Reader::Asked(before, seen, self.value);
                None
            }
            Reader::Asked(before, seen, value) => {
                let before = if self.is_faulty { Before(self.versions.of(&repository())) } else { before };
                self.shelf.remember(before, (&repository(), &0), &Arc::new(value), Stay::Held);
                Some((value, seen))
            }
            Reader::Done => None,
        };
        let Some((value, before)) = told else { return true };
        *reader = Reader::Done;
        self.seen = self.seen.max(value);
        value >= before
    }
}

impl PartialEq for Before {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl Eq for Before {}

/// Runs three readers and a change in one order; a last reader comes when everything is done. Returns whether nobody saw the past.
fn is_right(order: &[usize], is_faulty: bool) -> bool {
    let mut world = World::new(is_faulty);
    let versions = Arc::clone(&world.versions);
    let mut changing = None;
    let mut writer = Writer::Waiting;
    let mut readers = [Reader::Waiting; 3];
    let mut right = true;
    for who in order {
        let Some(reader) = readers.get_mut(*who) else {
            writer = match writer {
                Writer::Waiting => {
                    changing = Some(versions.begin([Touched::Repositories(vec![repository()])]));
                    Writer::Begun
                }
                Writer::Begun => {
                    world.value = 1;
                    Writer::Committed
                }
                Writer::Committed | Writer::Acknowledged => {
                    changing = None;
                    world.seen = 1;
                    Writer::Acknowledged
                }
            };
            continue;
        };
        right &= world.read(reader);
    }
    drop(changing);
    let mut last = Reader::Waiting;
    while last != Reader::Done {
        right &= world.read(&mut last);
    }
    right
}

/// Calls `visit` with every order of three steps of each of four.
fn every_order(order: &mut Vec<usize>, left: &mut [usize; 4], visit: &mut impl FnMut(&[usize])) {
    if order.len() == 12 {
        return visit(order);
    }
    for who in 0..4 {
        if left[who] > 0 {
            left[who] -= 1;
            order.push(who);
            every_order(order, left, visit);
            order.pop();
            left[who] += 1;
        }
    }
}

/// Returns how many orders there are of one reader before the others, and in how many of them somebody sees the past. Readers are alike,
/// so only those orders are looked at in which they begin in turn.
fn wrong(is_faulty: bool) -> (usize, usize) {
    let (mut orders, mut wrong) = (0, 0);
    every_order(&mut Vec::new(), &mut [3; 4], &mut |order| {
        let first = |who| order.iter().position(|other| *other == who);
        if first(0) < first(1) && first(1) < first(2) {
            orders += 1;
            wrong += usize::from(!is_right(order, is_faulty));
        }
    });
    (orders, wrong)
}

#[test]
fn in_no_order_of_three_reads_and_a_change_does_anybody_see_the_past() {
    assert_eq!(wrong(false), (61_600, 0));
}

#[test]
fn a_version_that_is_read_too_late_is_found_out() {
    let (_, wrong) = wrong(true);
    assert!(wrong > 0);
}

#[test]
fn a_promise_is_good_as_long_as_it_is_said_to_be() {
    let world = World::new(false);
    let before = world.shelf.recall(&repository(), &0, |_| true).unwrap_err();
    world.shelf.remember(before, (&repository(), &0), &Arc::new(7), Stay::Promised(100));
    assert_eq!(*world.shelf.recall(&repository(), &0, |until| until >= 100).unwrap(), 7);
    world.shelf.recall(&repository(), &0, |until| until >= 101).unwrap_err();
    let before = world.shelf.recall(&repository(), &1, |_| true).unwrap_err();
    world.shelf.remember(before, (&repository(), &1), &Arc::new(7), Stay::Uncertain);
    world.shelf.recall(&repository(), &1, |_| true).unwrap_err();
}

#[test]
fn no_more_is_remembered_than_there_is_room_for() {
    let world = World::new(false);
    for name in 0..1000 {
        let before = world.shelf.recall(&repository(), &name, |_| true).unwrap_err();
        world.shelf.remember(before, (&repository(), &name), &Arc::new(MANIFESTS_MAX_BYTES / 100), Stay::Held);
    }
    assert!(world.shelf.answers.weight() <= MANIFESTS_MAX_BYTES && world.shelf.answers.len() > 10);
}
