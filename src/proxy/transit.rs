//! What is said on the way: to an app server or to another edge, and of their answers to whoever asked.

use super::Proxy;
use super::context::{Decided, RequestContext};
use super::fields::Fields;
use super::head::Head;
use super::headers::{self, HOMEWARD_HOP_REFUSED, HOMEWARD_OUTCOME, HOMEWARD_REPLAY, OUTCOME_FAILED, Received};
use super::hop::Asked;
use super::judge::{Answered, declares_failure};
use super::replay::Answer;
use super::{grpc, hop, https};
use crate::hop::Claims;
use crate::live::clock;
use crate::model::{RegionId, RetryRules};
use crate::routing::Way;
use crate::session::Minted;
use crate::telemetry::{MintResult, UpstreamResult};
use http::StatusCode;
use pingora::http::RequestHeader;
use pingora::{Error, ErrorType, Result};
use smallvec::SmallVec;

impl Proxy {
    /// Writes into `head`, which is about to be sent, what the other side is told.
    ///
    /// # Errors
    /// Where the edge has no hop keys any more, or a value is no header value.
    pub(super) fn tell(&self, head: &mut RequestHeader, received: &Received, context: &RequestContext) -> Result<()> {
        if context.decided.is_none() {
            return Ok(());
        }
        if !head.raw_path().starts_with(b"/")
            && let Some(path) = head.uri.path_and_query().map(|path| path.as_str().to_owned())
        {
            // A URL is for proxies (RFC 9112, 3.2.2); a server gets the path that was decided on, and the host in `Host`.
            head.set_raw_path(path.as_bytes())?;
        }
        // Of the head as it is before it is written into.
        let Asked { method, host, target } = Asked::of(&*head);
        let (method, target): (_, SmallVec<[u8; 128]>) = (method.clone(), target.into());
        let host: Option<SmallVec<[u8; 64]>> = host.map(SmallVec::from_slice);
        let asked = Asked { method: &method, host: host.as_deref(), target: &target };
        self.tell_of(head, &asked, received, context)
    }

    /// Writes what the other side is told of a request that asks for this.
    ///
    /// # Errors
    /// As [`Self::tell`].
    pub(super) fn tell_of(
        &self,
        fields: &mut impl Fields,
        asked: &Asked<'_>,
        received: &Received,
        context: &RequestContext,
    ) -> Result<()> {
        let Some(decided) = &context.decided else { return Ok(()) };
        headers::of_visitor(fields, asked.host, context, received)?;
        context.say_trace(fields)?;
        if context.attempts.way != Some(Way::Edge) {
            return headers::to_app(fields, context, decided);
        }
        let (Some(keys), Some(claims)) = (self.edge.hop_keys(), self.claims(decided, context)) else {
            return Error::e_explain(ErrorType::InternalError, "a hop without keys");
        };
        hop::to_edge(fields, asked, context, &decided.live, &claims, &keys)
    }

    /// What the edge of the region that serves needs to know.
    fn claims(&self, Decided { live, decision }: &Decided, context: &RequestContext) -> Option<Claims> {
        let name = |region: RegionId| live.table.region(region).map(|region| region.name.clone());
        Some(Claims {
            from: self.edge.local().clone(),
            to: name(decision.region()?)?,
            home: name(decision.home)?,
            by_session: decision.key.home().is_some(),
            replayed_from: context.replayed_from().cloned(),
            client: context.client,
            at: clock::now(),
        })
    }

    /// Takes in the head of an answer, and makes of it what is passed on.
    ///
    /// # Errors
    /// Where it is not passed on: the request goes once more then, or the context says what is answered.
    pub(super) fn take(
        &self,
        request: &dyn Head,
        (status, answer): (StatusCode, &mut impl Fields),
        is_held: bool,
        context: &mut RequestContext,
    ) -> Result<()> {
        if status.is_informational() && status != StatusCode::SWITCHING_PROTOCOLS {
            headers::to_client(answer, None);
            return Ok(());
        }
        context.try_answered(status.as_u16());
        context.hear_status(status.as_u16());
        context.gate_answered(status);
        let by_hop = context.forwarded.is_some();
        let at_edge = context.attempts.way == Some(Way::Edge);
        if at_edge && answer.has(&HOMEWARD_HOP_REFUSED) && self.is_refused_by_edge(context, is_held) {
            return self.go_again(context);
        }
        let asks_for_replay = answer.has(&HOMEWARD_REPLAY);
        let is_declared_failure = declares_failure(answer);
        let answered = Some(Answered { status: status.as_u16(), is_declared_failure });
        if !asks_for_replay {
            context.attempts.answered = answered; // one that asks for a replay says nothing of its server
        }
        if !asks_for_replay && self.is_tried_elsewhere(request, (status, answer), is_held, context) {
            self.end_with_failure(context);
            return self.go_again(context);
        }
        if !by_hop {
            match self.on_answer(request, (status, answer), is_held, context) {
                Answer::PassOn => {}
                Answer::GoAgain => return self.go_again(context),
                Answer::Refuse(refusal) => {
                    context.refusal = Some(refusal);
                    return Error::e_explain(ErrorType::HTTPStatus(refusal.status()), "the replay cannot be");
                }
            }
        }
        context.attempts.answered = answered;
        if let (false, Some(decided)) = (at_edge, &context.decided) {
            for minted in headers::mint(answer, decided)? {
                match minted {
                    Minted::Untouched => {}
                    Minted::Line(_) => self.edge.metrics().minted_key(MintResult::Minted),
                    Minted::TooLong => self.edge.metrics().minted_key(MintResult::TooLong),
                }
            }
        }
        grpc::take_status(answer, context);
        https::say_hsts(request, answer, context)?;
        headers::to_client(answer, by_hop.then_some(&HOMEWARD_REPLAY));
        if by_hop && is_declared_failure {
            // The edge that the visitor reached counts it too, and keeps it to itself.
            answer.set(&HOMEWARD_OUTCOME, OUTCOME_FAILED.as_bytes())?;
        }
        Ok(())
    }

    /// Takes in that another edge cannot serve what it was handed. Whether the request can be decided on anew.
    fn is_refused_by_edge(&self, context: &RequestContext, is_held: bool) -> bool {
        let Some(Decided { live, decision }) = &context.decided else { return false };
        if let Some(region) = decision.region() {
            live.edge_refused(decision.service, region, clock::second());
        }
        is_held && context.attempts.count < RetryRules::MOST_IN_ALL
    }

    /// Leaves an answer behind, and sends the request once more.
    fn go_again(&self, context: &mut RequestContext) -> Result<()> {
        self.end_attempt(context, UpstreamResult::Answered, None);
        context.attempts.server = None;
        context.goes_again = true;
        Error::e_explain(ErrorType::Custom("GoesAgain"), "the request goes once more")
    }
}
