//! The grid of all combinations of some values: points numbered with the last axis fastest.

/// How many values each axis has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Grid {
    lengths: Vec<usize>,
    len: u64,
}

impl Grid {
    /// The grid of axes with so many values each; `None` when its points cannot be counted in 64
    /// bits.
    pub(super) fn new(lengths: Vec<usize>) -> Option<Self> {
        let len = lengths.iter().try_fold(1_u64, |len, axis| len.checked_mul(*axis as u64))?;
        Some(Self { lengths, len })
    }

    /// Number of points.
    pub(super) const fn len(&self) -> u64 {
        self.len
    }

    /// Number of values of each axis.
    pub(super) fn lengths(&self) -> &[usize] {
        &self.lengths
    }

    /// The position on each axis of a point.
    pub(super) fn positions(&self, mut point: u64) -> Vec<usize> {
        let mut positions = vec![0; self.lengths.len()];
        for (position, length) in positions.iter_mut().zip(&self.lengths).rev() {
            let length = *length as u64;
            *position = usize::try_from(point % length).expect("below the axis's length");
            point /= length;
        }
        positions
    }

    /// The point at a position on each axis.
    pub(super) fn point(&self, positions: &[usize]) -> u64 {
        let axes = self.lengths.iter().zip(positions);
        axes.fold(0, |point, (length, position)| point * *length as u64 + *position as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::Grid;

    #[test]
    fn the_last_axis_varies_fastest() {
        let grid = Grid::new(vec![2, 3]).unwrap();
        let all: Vec<Vec<usize>> = (0..grid.len()).map(|point| grid.positions(point)).collect();
        assert_eq!(all, [[0, 0], [0, 1], [0, 2], [1, 0], [1, 1], [1, 2]]);
        assert!((0..grid.len()).all(|point| grid.point(&grid.positions(point)) == point));
    }

    #[test]
    fn a_grid_that_cannot_be_counted_is_none() {
        assert!(Grid::new(vec![1 << 20; 4]).is_none());
    }
}
