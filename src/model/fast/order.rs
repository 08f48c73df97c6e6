//! Sorting what happens in a window by time.

/// Sorts items whose times are spread over a window, in about linear time: into as many buckets as
/// there are items by time, then by insertion. Bunched times cost a sort by comparison.
#[derive(Debug)]
pub(super) struct TimeSorter<T> {
    /// Where each bucket ends.
    ends: Vec<u32>,
    sorted: Vec<T>,
}

/// Items in one bucket beyond which insertion is slower than comparison.
const BUNCHED: u32 = 16;

impl<T> Default for TimeSorter<T> {
    fn default() -> Self {
        Self { ends: Vec::new(), sorted: Vec::new() }
    }
}

impl<T: Copy> TimeSorter<T> {
    /// Sorts by `key`, the first part of which is the time.
    pub(super) fn sort<K: Ord>(
        &mut self,
        items: &mut Vec<T>,
        time: impl Fn(&T) -> u64,
        key: impl Fn(&T) -> K,
    ) {
        let times = || items.iter().map(&time);
        let (Some(first), Some(last)) = (times().min(), times().max()) else { return };
        let buckets = items.len().next_power_of_two();
        let shift = (u64::BITS - (last - first).leading_zeros()).saturating_sub(buckets.ilog2());
        let bucket = |item: &T| {
            usize::try_from((time(item) - first) >> shift).expect("below the number of buckets")
        };
        self.ends.clear();
        self.ends.resize(buckets + 1, 0);
        for item in &*items {
            self.ends[bucket(item) + 1] += 1;
        }
        if self.ends.iter().any(|count| *count > BUNCHED) {
            items.sort_by_key(key);
            return;
        }
        for index in 1..=buckets {
            self.ends[index] += self.ends[index - 1];
        }
        self.sorted.clear();
        self.sorted.resize(items.len(), items[0]);
        for item in &*items {
            let place = &mut self.ends[bucket(item)];
            self.sorted[*place as usize] = *item;
            *place += 1;
        }
        std::mem::swap(items, &mut self.sorted);
        for end in 1..items.len() {
            let mut place = end;
            while place > 0 && key(&items[place - 1]) > key(&items[place]) {
                items.swap(place - 1, place);
                place -= 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn it_sorts(mut items in prop::collection::vec((0_u64..2000, 0_u32..9), 0..200)) {
            let mut expected = items.clone();
            expected.sort();
            TimeSorter::default().sort(&mut items, |item| item.0, |item| *item);
            prop_assert_eq!(items, expected);
        }
    }

    #[test]
    fn bunched_and_extreme_times_are_sorted_too() {
        let mut items = vec![u64::MAX, 7, 7, 0, 3];
        items.extend(std::iter::repeat_n(5, 40));
        let mut expected = items.clone();
        expected.sort_unstable();
        TimeSorter::default().sort(&mut items, |item| *item, |item| *item);
        assert_eq!(items, expected);
    }
}
