//! A part of a large grid: points at random, or as a Latin hypercube.

use std::collections::BTreeSet;
use std::num::NonZeroU32;

use rand::Rng;
use serde::{Deserialize, Serialize};

use super::grid::Grid;
use crate::random::{Generator, Streams};

/// Which points of a grid to take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sample {
    /// How many points.
    pub points: NonZeroU32,
    /// How they are chosen.
    pub method: SampleMethod,
    /// Seed of the choice, apart from that of the traffic: the same points whatever traffic they
    /// see.
    pub seed: u64,
}

/// How points of a sample are chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SampleMethod {
    /// Each set of points is as likely as any other.
    Random,
    /// Each axis is cut into as many equal parts as there are points, and each part taken once
    /// (`McKay`, Beckman and Conover, Technometrics 21, 1979). What falls on one point of the grid
    /// is one point of the sample.
    LatinHypercube,
}

impl SampleMethod {
    /// The name on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Random => "random",
            Self::LatinHypercube => "latin-hypercube",
        }
    }
}

impl Sample {
    fn count(&self) -> u64 {
        u64::from(self.points.get())
    }

    /// The points of the grid to take, in grid order; all where the grid has no more.
    pub(super) fn of(&self, grid: &Grid) -> Vec<u64> {
        let points = self.count();
        if points >= grid.len() {
            return (0..grid.len()).collect();
        }
        let chosen = match self.method {
            SampleMethod::Random => self.random(grid),
            SampleMethod::LatinHypercube => self.latin_hypercube(grid),
        };
        chosen.into_iter().collect()
    }

    /// R. Floyd's sampling without replacement (Bentley, Communications of the ACM 30(9), 1987).
    fn random(&self, grid: &Grid) -> BTreeSet<u64> {
        let mut generator = Streams::new(self.seed, 0).stream("sweep sample");
        let mut chosen = BTreeSet::new();
        for last in grid.len() - self.count()..grid.len() {
            let point = below(&mut generator, last + 1);
            if !chosen.insert(point) {
                chosen.insert(last);
            }
        }
        chosen
    }

    fn latin_hypercube(&self, grid: &Grid) -> BTreeSet<u64> {
        let axes: Vec<Vec<usize>> =
            (0..).zip(grid.lengths()).map(|(axis, length)| self.strata(axis, *length)).collect();
        let point = |index: usize| {
            let positions: Vec<usize> = axes.iter().map(|axis| axis[index]).collect();
            grid.point(&positions)
        };
        (0..self.points.get() as usize).map(point).collect()
    }

    /// The positions of the sample's points on an axis: one uniform within each part, shuffled.
    fn strata(&self, axis: usize, length: usize) -> Vec<usize> {
        let mut generator = Streams::new(self.seed, 0).stream(&format!("sweep axis {axis}"));
        let points = self.count();
        let mut parts: Vec<u64> = (0..points).collect();
        for last in (1..parts.len()).rev() {
            let other = below(&mut generator, last as u64 + 1);
            parts.swap(last, usize::try_from(other).expect("below a length"));
        }
        let mut position = |part: u64| {
            let within = u128::from(part) << 64 | u128::from(generator.next_u64());
            let scaled = (within * length as u128 / u128::from(points)) >> 64;
            usize::try_from(scaled).expect("below the axis's length")
        };
        parts.into_iter().map(&mut position).collect()
    }
}

/// A uniform number below `end`; its bias is below `end / 2^64`.
fn below(generator: &mut Generator, end: u64) -> u64 {
    let wide = u128::from(generator.next_u64()) * u128::from(end);
    u64::try_from(wide >> 64).expect("half of 128 bits")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(points: u32, method: SampleMethod) -> Sample {
        Sample { points: NonZeroU32::new(points).unwrap(), method, seed: 1 }
    }

    #[test]
    fn a_random_sample_has_as_many_points_as_asked_for() {
        let grid = Grid::new(vec![10, 10, 10]).unwrap();
        let chosen = sample(900, SampleMethod::Random).of(&grid);
        assert_eq!(chosen.len(), 900);
        assert!(chosen.is_sorted() && chosen.iter().all(|point| *point < 1000));
    }

    #[test]
    fn a_latin_hypercube_takes_each_value_equally_often() {
        let grid = Grid::new(vec![100, 10_000, 50]).unwrap();
        let chosen = sample(100, SampleMethod::LatinHypercube).of(&grid);
        assert_eq!(chosen.len(), 100);
        let mut times = vec![[0; 100]; 3];
        for positions in chosen.iter().map(|point| grid.positions(*point)) {
            times[0][positions[0]] += 1;
            times[1][positions[1] / 100] += 1;
            times[2][positions[2]] += 1;
        }
        assert!(times[0].iter().chain(&times[1]).all(|times| *times == 1));
        assert!(times[2][..50].iter().all(|times| *times == 2));
    }

    #[test]
    fn a_sample_larger_than_the_grid_is_the_grid() {
        let grid = Grid::new(vec![2, 3]).unwrap();
        for method in [SampleMethod::Random, SampleMethod::LatinHypercube] {
            assert_eq!(sample(6, method).of(&grid), [0, 1, 2, 3, 4, 5]);
        }
    }
}
