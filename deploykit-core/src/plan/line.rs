//! A queue of small numbers in rising order.

use std::collections::VecDeque;

/// Numbers in rising order, so that whoever takes from the front takes the same ones.
///
/// Adding at the end and taking at the front cost nothing worth counting; that is what a rollout does. Anything else
/// is a binary search.
#[derive(Clone, Debug, Default)]
pub(super) struct Line(VecDeque<u32>);

impl Line {
    pub(super) fn len(&self) -> u32 {
        u32::try_from(self.0.len()).unwrap_or(u32::MAX)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn first(&self) -> Option<u32> {
        self.0.front().copied()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        self.0.iter().copied()
    }

    pub(super) fn insert(&mut self, number: u32) {
        match self.0.back() {
            Some(last) if *last >= number => {
                if let Err(place) = self.0.binary_search(&number) {
                    self.0.insert(place, number);
                }
            }
            _ => self.0.push_back(number),
        }
    }

    pub(super) fn remove(&mut self, number: u32) {
        if self.first() == Some(number) {
            self.0.pop_front();
        } else if let Ok(place) = self.0.binary_search(&number) {
            self.0.remove(place);
        }
    }

    pub(super) fn take(&mut self) -> Vec<u32> {
        std::mem::take(&mut self.0).into()
    }
}

#[cfg(test)]
mod tests {
    use super::Line;

    #[test]
    fn stays_in_order_and_without_doubles() {
        let mut line = Line::default();
        for number in [3, 1, 2, 2, 5, 4] {
            line.insert(number);
        }
        assert_eq!(line.iter().collect::<Vec<_>>(), [1, 2, 3, 4, 5]);
        line.remove(3);
        line.remove(1);
        line.remove(9);
        assert_eq!(line.take(), [2, 4, 5]);
        assert!(line.is_empty());
    }
}
