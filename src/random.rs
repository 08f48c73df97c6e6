//! Named random streams: the one place where a generator is made.
//!
//! Every source of randomness draws from its own generator, whose 256-bit state is the SHA-256 of
//! `(seed, replication, name)`. Names come from stable ids ("traffic 0, queue 3, sizes"), never
//! from the order of construction, so that adding a queue leaves the others' numbers alone and two
//! configurations of the same scenario see the same traffic (common random numbers).

use rand::SeedableRng;
use sha2::{Digest, Sha256};

/// The generator behind every stream: small, fast, named, and the same on every platform.
pub type Generator = rand_xoshiro::Xoshiro256PlusPlus;

/// The family of streams of one replication.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Streams {
    seed: u64,
    replication: u32,
}

impl Streams {
    /// The streams of replication number `replication` under `seed`.
    #[must_use]
    pub const fn new(seed: u64, replication: u32) -> Self {
        Self { seed, replication }
    }

    /// The generator of the stream called `name`.
    #[must_use]
    pub fn stream(&self, name: &str) -> Generator {
        let mut hash = Sha256::new();
        hash.update(b"rxplan stream 1\0");
        hash.update(self.seed.to_le_bytes());
        hash.update(self.replication.to_le_bytes());
        hash.update(name.as_bytes());
        Generator::from_seed(hash.finalize().into())
    }
}

/// A generator of its own for what goes on from here, independent of the one it is drawn from.
pub(crate) fn branch_off(chance: &mut Generator) -> Generator {
    Generator::from_rng(chance)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::Rng;

    #[test]
    fn streams_depend_on_seed_replication_and_name_only() {
        let first =
            |seed, replication, name: &str| Streams::new(seed, replication).stream(name).next_u64();
        assert_eq!(first(1, 0, "a"), first(1, 0, "a"));
        assert_ne!(first(1, 0, "a"), first(2, 0, "a"));
        assert_ne!(first(1, 0, "a"), first(1, 1, "a"));
        assert_ne!(first(1, 0, "a"), first(1, 0, "b"));
    }
}
