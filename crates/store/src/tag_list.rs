//! Lists of tags, and what makes the next one quicker.

use oci::Tag;

/// Most cursors that are worth keeping of one repository.
pub const CURSORS_MAX: usize = 4096;

/// The tags of a repository.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TagList {
    /// Every tag, attachment tags among them, in no particular order.
    pub tags: Vec<Tag>,
    /// Some of them, in the order of the store: places from which parts of a later list can be asked for at once. None where the list is
    /// short, or the store does not go by tags.
    pub cursors: Vec<Tag>,
}
