//! Typed ids: an index into one vector cannot be used for another.

use std::fmt;

/// A receive queue of the NIC, counted from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct QueueId(u32);

/// A group of queues that share one reserve, counted from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct GroupId(u32);

macro_rules! id {
    ($name:ident) => {
        impl $name {
            /// The id with this index.
            #[must_use]
            pub const fn new(index: u32) -> Self {
                Self(index)
            }

            /// The position in a vector of such things.
            #[must_use]
            pub const fn index(self) -> usize {
                self.0 as usize
            }

            /// The number as users write it.
            #[must_use]
            pub const fn get(self) -> u32 {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

id!(QueueId);
id!(GroupId);
