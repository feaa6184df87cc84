//! Every bound on input, by name.

/// Largest file read, in bytes.
pub const FILE_MAX_BYTES: usize = 16 * 1024 * 1024;

/// Most scalars, sequences, mappings and aliases in one file.
pub const NODES_MAX: usize = 1_000_000;

/// Largest list of another tool with all of its aliases followed: bytes of text, and a few for each value.
pub const EXPANDED_MAX: usize = 2 * FILE_MAX_BYTES;

/// Deepest nesting of sequences, mappings, blocks and interpolations.
pub const DEPTH_MAX: usize = 128;

/// Most places in one file.
pub const PLACES_MAX: usize = 10_000;

/// Longest readable path of a place, in characters. What is longer loses its beginning.
pub const PATH_MAX_CHARACTERS: usize = 1024;

/// Longest name in a path: of a key, a stage, a target. What is longer loses its end.
pub const PATH_PART_MAX_BYTES: usize = 256;

/// Most steps of a pattern.
pub const PATTERN_STEPS_MAX: usize = 64;

/// Most characters of a text that is shown because it could not be read.
pub const SHOWN_MAX_CHARACTERS: usize = 300;
