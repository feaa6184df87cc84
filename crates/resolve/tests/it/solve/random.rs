//! Small random problems, the same in every run.

use std::sync::Arc;

use resolve::solve::{
    Candidate, CandidateId, CandidateSet, Effect, Package, PackageId, Problem, Reason, ReasonId, ReasonKind, Requires,
    Root, Strategy,
};

/// Numbers that look random and depend on the seed alone.
pub(super) struct Numbers(u64);

impl Numbers {
    pub(super) const fn of(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        // SplitMix64.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Returns a number below `end`.
    pub(super) fn below(&mut self, end: u32) -> u32 {
        u32::try_from(self.next() % u64::from(end)).unwrap()
    }

    /// Tells whether something happens that does so in `percent` of all cases.
    pub(super) fn is(&mut self, percent: u32) -> bool {
        self.below(100) < percent
    }

    fn one_of<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(u32::try_from(of.len()).unwrap()) as usize]
    }

    fn set(&mut self, count: u32, percent: u32) -> CandidateSet {
        CandidateSet::matching(count, |_| self.is(percent))
    }

    fn effect(&mut self) -> Effect {
        if self.is(20) { Effect::Limits } else { Effect::Demands }
    }
}

/// Returns a problem of up to 5 packages with up to 5 candidates each.
pub(super) fn problem(numbers: &mut Numbers) -> Problem {
    // In some problems the user demands everything and the candidates agree on little, so that what is wrong does not show at once.
    let is_tangled = numbers.is(30);
    let packages = if is_tangled { 4 + numbers.below(2) } else { numbers.one_of(&[1, 2, 3, 4, 5, 5]) };
    let counts: Vec<u32> = (0..packages)
        .map(|_| match is_tangled {
            true => 3 + numbers.below(2),
            false if numbers.is(2) => 0,
            false => numbers.one_of(&[1, 2, 3, 3, 4, 5]),
        })
        .collect();
    let reasons = [("policy wants a signature", ReasonKind::Policy), ("too young", ReasonKind::Cooldown)];
    let reasons = reasons.map(|(text, kind)| Reason { kind, text: text.to_owned() });
    let density = numbers.one_of(if is_tangled { &[45, 60, 80] } else { &[10, 20, 30] });
    let allowed = numbers.one_of(if is_tangled { &[70, 75, 80] } else { &[40, 55, 70] });
    let roots = if is_tangled { packages } else { 1 + numbers.below(2) };
    Problem {
        packages: (0..packages).map(|package| random_package(numbers, package, &counts, density, allowed)).collect(),
        roots: (0..roots).map(|location| random_root(numbers, location, &counts, is_tangled)).collect(),
        reasons: reasons.into(),
        strategy: numbers.one_of(&[Strategy::Highest, Strategy::Lowest, Strategy::LowestDirect]),
    }
}

fn random_root(numbers: &mut Numbers, location: u32, counts: &[u32], is_tangled: bool) -> Root {
    let package = if is_tangled { location } else { numbers.below(u32::try_from(counts.len()).unwrap()) };
    let allowed = numbers.set(counts[package as usize], if is_tangled { 95 } else { 85 });
    Root {
        package: PackageId(package),
        why: format!("{:?}", allowed.iter().map(|it| it.0).collect::<Vec<_>>()).into(),
        allowed,
        effect: numbers.effect(),
        location,
    }
}

fn random_package(numbers: &mut Numbers, package: u32, counts: &[u32], density: u32, allowed: u32) -> Package {
    let count = counts[package as usize];
    let mut candidates: Vec<Candidate> = (0..count)
        .map(|candidate| Candidate {
            label: format!("{candidate}.0"),
            refused: numbers.is(8).then(|| ReasonId(numbers.below(2))),
            requires: Vec::new(),
        })
        .collect();
    for (of, of_count) in (0..).zip(counts) {
        let density = if of == package { density / 4 } else { density };
        if numbers.is(density / 5) {
            follow(numbers, &mut candidates, of, *of_count);
        }
        // Neighbours often require the same.
        let mut last: Option<Requires> = None;
        for candidate in &mut candidates {
            let same = last.clone().filter(|_| numbers.is(50));
            let requires =
                same.or_else(|| numbers.is(density).then(|| random_requires(numbers, of, *of_count, allowed)));
            candidate.requires.extend(requires.clone());
            last = requires;
        }
    }
    // Names do not come in the order of numbers.
    let name = format!("{}{package}", numbers.one_of(&["a", "b", "c"]));
    let preferred = (count > 0 && numbers.is(40)).then(|| CandidateId(numbers.below(count.max(1))));
    Package { name, priority: numbers.below(3), preferred, candidates }
}

fn random_requires(numbers: &mut Numbers, of: u32, count: u32, percent: u32) -> Requires {
    let allowed = numbers.set(count, percent);
    let why: Arc<str> = format!("{:?}", allowed.iter().map(|it| it.0).collect::<Vec<_>>()).into();
    Requires { package: PackageId(of), allowed, effect: numbers.effect(), why }
}

/// Has every candidate require the same version of another package.
fn follow(numbers: &mut Numbers, candidates: &mut [Candidate], of: u32, count: u32) {
    let effect = numbers.effect();
    for (place, candidate) in (0..).zip(candidates) {
        let allowed = CandidateSet::matching(count, |it| it.0 == place);
        candidate.requires.push(Requires { package: PackageId(of), allowed, effect, why: "same version".into() });
    }
}
