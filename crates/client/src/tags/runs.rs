//! A list of tags put together of pieces that were asked for at once.
//!
//! A *run* is what a server answers from one place on: the first page, or the page after a tag that is known from before (its cursor),
//! with the pages that the run's own links lead to. A run is joined to another one where that one holds its cursor:
//!
//! ```text
//!  run 0    a b c d e f│        cursor of run 1: d, of run 2: h
//!  run 1          ‹d› e f g h i│
//!  run 2                  ‹h› i j k.
//! ```
//!
//! What makes the list complete is this alone: the server itself links from a page to the one after the page's last tag. So the
//! list is one that it would have given to somebody whose pages ended at the cursors, and nothing is assumed about its order. What two
//! joined runs both hold has to be the same besides, tag by tag; of a server that contradicts itself only the links are followed.

use std::collections::HashMap;

use oci::Tag;
use oci::limits::TAGS_MAX;

/// A page of a list.
#[derive(Debug)]
pub(super) struct Page<W> {
    /// Its tags, in the order in which they came.
    pub(super) tags: Vec<Tag>,
    /// The way to the page that follows.
    pub(super) next: Option<Next<W>>,
}

/// The way from a page to the next.
#[derive(Debug)]
pub(super) struct Next<W> {
    pub(super) way: W,
    /// Whether the link asks for what comes after the page's last tag and for nothing else.
    pub(super) is_after_last: bool,
}

/// A page that is to be asked for.
#[derive(Debug)]
pub(super) struct Ask<W> {
    /// The run that it belongs to.
    pub(super) run: usize,
    pub(super) way: W,
    /// Whether the list cannot be had without it. Others may fail.
    pub(super) is_needed: bool,
}

/// Where the next page of a run is.
#[derive(Debug)]
enum State<W> {
    /// It can be asked for.
    Open(W),
    /// It has been asked for.
    Asked,
    /// There is none.
    Ended,
    /// The run is of no use.
    Lost,
}

#[derive(Debug)]
struct Run<W> {
    tags: Vec<Tag>,
    state: State<W>,
    /// Whether a page of it has come.
    has_begun: bool,
    /// Whether it is part of the list, before the front. Nothing is asked for it any more: what it has met leads on.
    is_listed: bool,
    /// The runs whose cursors it holds, and where.
    met: Vec<(usize, usize)>,
}

/// How two runs stand to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fit {
    /// The second leads on from the first.
    Continues,
    /// The second has nothing that the first has not. Should it say that there is nothing more, the first knows better.
    Within,
    /// One of them is not what the server has.
    Contradicts,
}

/// The runs of one list. `W` is a way to a page.
#[derive(Debug)]
pub(super) struct Runs<W> {
    all: Vec<Run<W>>,
    /// The runs by their cursors.
    begins: HashMap<Tag, usize>,
    /// The runs that the list is made of, up to the last one, and how many tags of each belong to it.
    listed: Vec<(usize, usize)>,
    /// The last run of the list so far.
    front: usize,
    /// Tags of the list before the front.
    before: usize,
    /// Tags of all runs.
    held: usize,
    /// How many pages may still be asked for that may turn out to be of no use.
    spare: usize,
    /// How many tags the first page had, if the page after them is named by the last of them.
    page: Option<usize>,
}

impl<W> Runs<W> {
    /// Returns a list of which nothing is there: the way to its first page, and those to the pages after tags that may be there.
    pub(super) fn new(first: W, cursors: impl IntoIterator<Item = (Tag, W)>) -> Self {
        let mut all = vec![Run::new(first)];
        let mut begins = HashMap::new();
        for (cursor, way) in cursors {
            begins.entry(cursor).or_insert_with(|| {
                all.push(Run::new(way));
                all.len() - 1
            });
        }
        let spare = begins.len();
        Self { all, begins, listed: Vec::new(), front: 0, before: 0, held: 0, spare, page: None }
    }

    /// Returns a page to ask for now; `None` while nothing is wanted but what has been asked for.
    pub(super) fn next_ask(&mut self) -> Option<Ask<W>> {
        if self.is_done() {
            return None;
        }
        let front = &mut self.all[self.front];
        if front.met.is_empty()
            && let Some(way) = front.take_way()
        {
            return Some(Ask { run: self.front, way, is_needed: true });
        }
        for run in 0..self.all.len() {
            if run == self.front || !matches!(self.all[run].state, State::Open(_)) {
                continue;
            }
            if self.all[run].has_begun {
                // It leads on to a run that has what follows.
                if self.spare == 0 || self.all[run].met.iter().any(|&(_, met)| !self.all[met].is_lost()) {
                    continue;
                }
                self.spare -= 1;
            }
            return self.all[run].take_way().map(|way| Ask { run, way, is_needed: false });
        }
        None
    }

    /// Takes a page that was asked for.
    pub(super) fn answered(&mut self, run: usize, page: Page<W>) {
        if run == 0 && !self.all[0].has_begun {
            let is_after_last = page.next.as_ref().is_some_and(|next| next.is_after_last);
            self.page = Some(page.tags.len()).filter(|_| is_after_last);
            if !is_after_last {
                self.lose_others();
            }
        }
        let Some(taker) = self.all.get_mut(run).filter(|run| !run.is_lost()) else { return };
        taker.has_begun = true;
        self.held += page.tags.len();
        if page.next.as_ref().is_some_and(|next| next.is_after_last) {
            for (at, tag) in page.tags.iter().enumerate() {
                if let Some(&met) = self.begins.get(tag).filter(|met| **met != run) {
                    taker.met.push((taker.tags.len() + at, met));
                }
            }
        }
        taker.tags.extend(page.tags);
        taker.state = page.next.map_or(State::Ended, |next| State::Open(next.way));
        if self.held > TAGS_MAX.saturating_mul(2) {
            self.lose_others();
        }
        self.join();
    }

    /// Takes note that a page cannot be had. Returns whether the list cannot be had either.
    pub(super) fn failed(&mut self, ask: Ask<W>) -> bool {
        if ask.is_needed {
            return true;
        }
        if ask.run == self.front {
            // It was asked for before it was needed. What it is now worth is to be seen.
            self.all[ask.run].state = State::Open(ask.way);
        } else {
            self.lose(ask.run);
            self.join();
        }
        false
    }

    /// Tells whether the server has said that the list is at its end.
    pub(super) fn is_done(&self) -> bool {
        matches!(self.all[self.front].state, State::Ended)
    }

    /// Tells whether nothing that has been asked for is wanted any more.
    pub(super) fn is_idle(&self) -> bool {
        !self.all.iter().any(|run| matches!(run.state, State::Asked))
    }

    /// Returns how many tags of the list there are so far.
    pub(super) fn len(&self) -> usize {
        self.before + self.all[self.front].tags.len()
    }

    /// Returns how many tags the first page had, if the server goes on from page to page by tags.
    pub(super) const fn page(&self) -> Option<usize> {
        self.page
    }

    /// Returns the list, in the order of the server.
    pub(super) fn into_tags(mut self) -> Vec<Tag> {
        let mut tags = Vec::with_capacity(self.len());
        for (run, count) in self.listed {
            tags.extend(self.all[run].tags.drain(..count));
        }
        tags.append(&mut self.all[self.front].tags);
        tags
    }

    /// Follows the list from run to run, as far as they have come.
    fn join(&mut self) {
        while let Some(&(at, next)) = self.all[self.front].met.last() {
            let run = &self.all[next];
            if !run.is_lost() && !run.is_listed {
                if !run.has_begun {
                    return;
                }
                match self.fit(at, next) {
                    Fit::Continues => {
                        self.all[self.front].is_listed = true;
                        self.listed.push((self.front, at + 1));
                        self.before += at + 1;
                        self.front = next;
                        continue;
                    }
                    Fit::Within => self.lose(next),
                    Fit::Contradicts => {
                        self.lose(next);
                        self.spare = 0;
                    }
                }
            }
            self.all[self.front].met.pop();
        }
    }

    /// Tells whether a run goes on where the front holds its cursor.
    fn fit(&self, at: usize, next: usize) -> Fit {
        let (front, next) = (&self.all[self.front], &self.all[next]);
        let rest = &front.tags[at + 1..];
        let common = rest.len().min(next.tags.len());
        if rest[..common] != next.tags[..common] {
            Fit::Contradicts
        } else if rest.is_empty() || next.tags.len() > rest.len() {
            Fit::Continues
        } else {
            Fit::Within
        }
    }

    fn lose(&mut self, run: usize) {
        let run = &mut self.all[run];
        self.held -= run.tags.len();
        (run.state, run.tags, run.met) = (State::Lost, Vec::new(), Vec::new());
    }

    /// Gives up every run that is not part of the list.
    fn lose_others(&mut self) {
        for run in 0..self.all.len() {
            if run != self.front && !self.all[run].is_listed {
                self.lose(run);
            }
        }
        self.all[self.front].met.clear();
    }
}

impl<W> Run<W> {
    const fn new(way: W) -> Self {
        Self { tags: Vec::new(), state: State::Open(way), has_begun: false, is_listed: false, met: Vec::new() }
    }

    const fn is_lost(&self) -> bool {
        matches!(self.state, State::Lost)
    }

    fn take_way(&mut self) -> Option<W> {
        match std::mem::replace(&mut self.state, State::Asked) {
            State::Open(way) => Some(way),
            state => {
                self.state = state;
                None
            }
        }
    }
}

#[cfg(test)]
mod tests;
