//! The end of a pass: members become whole systems.

use super::Grid;
use super::member::Member;
use crate::model::fast::windowed::Lanes;
use crate::model::outcome::Outcome;
use crate::model::traffic::Source;

impl Grid<'_> {
    /// What each system measured.
    pub(super) fn close(mut self) -> Vec<Outcome> {
        let sources = std::mem::take(&mut self.leader.feeds).into_sources();
        let leader = &self.leader;
        self.members.into_iter().map(|member| member.close(leader, &sources)).collect()
    }
}

impl Member<'_> {
    /// What it measured. All its queues and books are made whole first, so that conservation is
    /// asserted of it as of a system that ran on its own.
    fn close(mut self, leader: &Lanes<'_>, sources: &[Source]) -> Outcome {
        if self.is_still() {
            self.system.reserve.pool.in_use = leader.reserve.pool.in_use;
        }
        if self.is_leader {
            self.system.reserve.pool.exhausted = leader.reserve.pool.exhausted.clone();
        }
        self.go_alone(leader);
        self.system.close(sources)
    }
}
