//! What is chosen, and why nothing can be.

mod against_brute_force;
mod brute_force;
mod explanations;
mod limits;
mod proof;
mod random;
mod sets;
mod standings;
mod worded;
