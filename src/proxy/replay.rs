//! What becomes of a request whose app answers that it belongs to another region.

use super::Proxy;
use super::context::{Decided, RequestContext};
use super::fields::Fields;
use super::head::Head;
use super::headers::{HOMEWARD_REPLAY, PROXY_STATUS};
use super::intake::host;
use super::refusal::{Refusal, ReplayProblem};
use crate::live::clock;
use crate::model::RegionName;
use crate::routing::{Decision, NoReplay, ReplayOrder, replay};
use crate::telemetry::ReplayResult;
use http::StatusCode;

/// A replay that was begun.
pub(super) struct Replayed {
    /// The region whose app asked for it.
    pub from: RegionName,
    /// The region that it asked for.
    pub to: RegionName,
    /// Whether the app asked to get the request back where that region cannot be reached.
    pub falls_back: bool,
    /// What was decided before.
    pub first: Decision,
    /// Whether that region could not be reached, and the request is back where it was.
    pub has_failed: bool,
}

/// What to do with an app's answer.
pub(super) enum Answer {
    /// Pass it on.
    PassOn,
    /// Leave it, and send the request once more, as is decided now.
    GoAgain,
    /// Leave it, and answer this.
    Refuse(Refusal),
}

impl Proxy {
    /// Looks whether `answer` asks for a replay, and decides on it. `is_held` says whether all of the request's body that was
    /// read so far is still there. Not for the answers of requests that came by a hop: the first edge replays those.
    pub(super) fn on_answer(
        &self,
        head: &dyn Head,
        (status, answer): (StatusCode, &impl Fields),
        is_held: bool,
        context: &mut RequestContext,
    ) -> Answer {
        let Some(value) = answer.first(&HOMEWARD_REPLAY) else {
            // An edge's own answer is nobody's word; neither is an app's that failed.
            let is_edge_s = answer.first(&PROXY_STATUS).is_some_and(|by| by.starts_with(b"homeward;"));
            if !is_edge_s && !status.is_server_error() {
                self.learn(head, context);
            }
            return Answer::PassOn;
        };
        let order = ReplayOrder::read(value);
        let falls_back = order.is_some_and(|order| order.falls_back);
        let begun = match order {
            None => Err(ReplayProblem::Unreadable),
            Some(_) if context.replay.is_some() => Err(ReplayProblem::AlreadyReplayed),
            Some(_) if !is_held => Err(ReplayProblem::BodyNotHeld),
            Some(order) => self.begin_replay(head, order, context),
        };
        let metrics = self.edge.metrics();
        match begun {
            Ok(()) => {
                metrics.replay(ReplayResult::Replayed);
                Answer::GoAgain
            }
            Err(problem) if falls_back => {
                metrics.replay(problem.result());
                Answer::PassOn
            }
            Err(problem) => {
                metrics.replay(problem.result());
                Answer::Refuse(Refusal::Replay(problem))
            }
        }
    }

    fn begin_replay(
        &self,
        head: &dyn Head,
        order: ReplayOrder<'_>,
        context: &mut RequestContext,
    ) -> Result<(), ReplayProblem> {
        let host = host(head).map_err(|_| ReplayProblem::Unreadable)?;
        let decided = context.decided.as_ref().ok_or(ReplayProblem::Unreadable)?;
        let live = decided.live.clone();
        let to = live.table.region_id(order.region).ok_or(ReplayProblem::UnknownRegion)?;
        let view = live.view(clock::second());
        let again = self
            .with_facts(&live, head, host, context, |facts| replay(&live.table, facts, &view, &decided.decision, to));
        let again = again.map_err(|why| match why {
            NoReplay::UnknownRegion => ReplayProblem::UnknownRegion,
            NoReplay::SameRegion => ReplayProblem::SameRegion,
            NoReplay::Away(_) => ReplayProblem::RegionIsAway,
        })?;
        let name = |region| live.table.region(region).map(|region| region.name.clone());
        let from = decided.decision.region().and_then(name).ok_or(ReplayProblem::Unreadable)?;
        let to = name(to).ok_or(ReplayProblem::UnknownRegion)?;
        if let Some(decided) = context.decided.as_mut() {
            let first = std::mem::replace(&mut decided.decision, again);
            let replayed = Replayed { from, to, falls_back: order.falls_back, first, has_failed: false };
            context.replay = Some(Box::new(replayed));
        }
        Ok(())
    }

    /// Remembers, once an app has taken a replay, that its region is home to the session.
    fn learn(&self, head: &dyn Head, context: &RequestContext) {
        let Some(replayed) = context.replay.as_ref().filter(|replayed| !replayed.has_failed) else { return };
        let Some(Decided { live, decision }) = &context.decided else { return };
        let (Some(learned), Some(sessions)) = (live.learned(decision.service), live.table.sessions(decision.service))
        else {
            return;
        };
        let Ok(host) = host(head) else { return };
        self.with_facts(live, head, host, context, |facts| {
            if let Some(key) = sessions.key_of(facts) {
                learned.remember(key, &replayed.to, clock::second());
            }
        });
    }

    /// Where the region of a replay cannot be reached after all: back to where the request was, if its app asked for that.
    pub(super) fn give_replay_back(&self, context: &mut RequestContext) -> Result<(), Refusal> {
        let (Some(replayed), Some(decided)) = (context.replay.as_mut(), context.decided.as_mut()) else {
            return Err(Refusal::Internal);
        };
        self.edge.metrics().replay(ReplayResult::RegionIsAway);
        if !replayed.falls_back {
            return Err(Refusal::Replay(ReplayProblem::RegionIsAway));
        }
        replayed.has_failed = true;
        decided.decision = replayed.first.clone();
        Ok(())
    }
}
