//! Sorting what happens in a window by time.

/// Sorts numbers that are spread over a range, in about linear time: into more buckets than there
/// are numbers, then by insertion. Bunched numbers cost a sort by comparison.
#[derive(Debug, Default)]
pub(super) struct TimeSorter<T> {
    /// Where each bucket ends.
    ends: Vec<u32>,
    sorted: Vec<T>,
}

/// Numbers in one bucket beyond which insertion is slower than comparison.
const BUNCHED: u32 = 16;
/// Numbers below which buckets are not worth their setting up.
const FEW: usize = 24;

impl<T: Copy + Ord + Default + Into<u64>> TimeSorter<T> {
    pub(super) fn sort(&mut self, items: &mut Vec<T>) {
        if items.len() < FEW {
            items.sort_unstable();
            return;
        }
        let numbers = || items.iter().map(|item| (*item).into());
        let first = numbers().min().expect("there are some");
        let last = numbers().max().expect("there are some");
        let buckets = 2 * items.len().next_power_of_two();
        let shift = (u64::BITS - (last - first).leading_zeros()).saturating_sub(buckets.ilog2());
        let bucket = |item: T| {
            usize::try_from((item.into() - first) >> shift).expect("below the number of buckets")
        };
        self.ends.clear();
        self.ends.resize(buckets, 0);
        for item in &*items {
            self.ends[bucket(*item)] += 1;
        }
        if self.ends.iter().any(|count| *count > BUNCHED) {
            items.sort_unstable();
            return;
        }
        let mut end = 0;
        for count in &mut self.ends {
            end += std::mem::replace(count, end);
        }
        self.sorted.resize(items.len(), T::default());
        for item in &*items {
            let place = &mut self.ends[bucket(*item)];
            self.sorted[*place as usize] = *item;
            *place += 1;
        }
        std::mem::swap(items, &mut self.sorted);
        for end in 1..items.len() {
            let item = items[end];
            let mut place = end;
            while place > 0 && items[place - 1] > item {
                items[place] = items[place - 1];
                place -= 1;
            }
            items[place] = item;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn it_sorts(mut items in prop::collection::vec(0_u64..2000, 0..200)) {
            let mut expected = items.clone();
            expected.sort_unstable();
            TimeSorter::default().sort(&mut items);
            prop_assert_eq!(items, expected);
        }
    }

    #[test]
    fn bunched_and_extreme_times_are_sorted_too() {
        let mut items = vec![u64::MAX, 7, 7, 0, 3];
        items.extend(std::iter::repeat_n(5, 40));
        let mut expected = items.clone();
        expected.sort_unstable();
        TimeSorter::default().sort(&mut items);
        assert_eq!(items, expected);
    }
}
