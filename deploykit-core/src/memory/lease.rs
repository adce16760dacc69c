//! Leases and fencing tokens of the world.

use serde::{Deserialize, Serialize};

use super::refusal::Refusal;
use crate::action::Applied;
use crate::error::ErrorKind;
use crate::lease::{FencingToken, Lease, LeaseRequest};
use crate::time::Timestamp;

/// Who may change a service of the [`World`](super::World). It outlives the service.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LeaseState {
    /// The lease, until it is given back or taken over; it may have run out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease: Option<Lease>,
    /// The highest token that was given out or shown.
    #[serde(default)]
    pub highest: FencingToken,
}

impl LeaseState {
    /// Lets a change pass unless its token is older than one that was seen.
    pub(super) fn admit(&mut self, token: FencingToken) -> Result<(), Refusal> {
        if token < self.highest {
            return Err(self.fenced(token));
        }
        self.highest = token;
        Ok(())
    }

    fn fenced(&self, token: FencingToken) -> Refusal {
        let refusal = Refusal::new(ErrorKind::Fenced).with("token", token.0).with("newest", self.highest.0);
        let refusal = match &self.lease {
            Some(lease) if lease.token > token => refusal.with("holder", &lease.holder),
            _ => refusal,
        };
        refusal.hint("see what the other deployer did, then start again")
    }

    /// Answers a request; the second value tells whether the lease was given out or back.
    pub(super) fn answer(&mut self, request: &LeaseRequest, now: Timestamp) -> Result<(Lease, Applied), Refusal> {
        match request {
            LeaseRequest::Acquire { holder, ttl, steal } => {
                let held = self.lease.as_ref().filter(|lease| lease.expires > now);
                let token = match held {
                    Some(lease) if lease.holder == *holder => lease.token,
                    Some(lease) if !steal => {
                        return Err(Refusal::new(ErrorKind::Held)
                            .with("holder", &lease.holder)
                            .with("until", lease.expires)
                            .hint("wait for it to end, or take the lease over"));
                    }
                    _ => FencingToken(self.highest.0.saturating_add(1)),
                };
                Ok((self.grant(holder.clone(), token, now.after(*ttl)), Applied::Changed))
            }
            LeaseRequest::Renew { token, ttl } => match &self.lease {
                Some(lease) if lease.token == *token && *token >= self.highest => {
                    let holder = lease.holder.clone();
                    Ok((self.grant(holder, *token, now.after(*ttl)), Applied::Unchanged))
                }
                _ => Err(self.fenced(*token)),
            },
            LeaseRequest::Release { token } => {
                let released = self.lease.take_if(|lease| lease.token == *token);
                let applied = if released.is_some() { Applied::Changed } else { Applied::Unchanged };
                let nobodys = || Lease { holder: String::new(), token: *token, expires: now };
                let released = released.map(|lease| Lease { expires: now, ..lease });
                Ok((released.or_else(|| self.lease.clone()).unwrap_or_else(nobodys), applied))
            }
        }
    }

    /// Another deployer takes the lease over.
    pub(super) fn steal(&mut self, thief: &str, until: Timestamp) {
        let token = FencingToken(self.highest.0.saturating_add(1));
        self.grant(thief.to_owned(), token, until);
    }

    fn grant(&mut self, holder: String, token: FencingToken, expires: Timestamp) -> Lease {
        let lease = Lease { holder, token, expires };
        self.highest = token;
        self.lease = Some(lease.clone());
        lease
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const TTL: Duration = Duration::from_secs(10);

    fn acquire(holder: &str, steal: bool) -> LeaseRequest {
        LeaseRequest::Acquire { holder: holder.to_owned(), ttl: TTL, steal }
    }

    fn token(state: &mut LeaseState, request: &LeaseRequest, seconds: u64) -> Result<u64, ErrorKind> {
        let answer = state.answer(request, Timestamp::from_millis(seconds * 1000));
        answer.map(|(lease, _)| lease.token.0).map_err(|refusal| refusal.kind)
    }

    #[test]
    fn the_token_rises_when_a_lease_changes_hands() {
        let mut state = LeaseState::default();
        assert_eq!(token(&mut state, &acquire("a", false), 0), Ok(1));
        assert_eq!(token(&mut state, &acquire("a", false), 5), Ok(1), "it has it already");
        assert_eq!(token(&mut state, &acquire("b", false), 9), Err(ErrorKind::Held));
        assert_eq!(token(&mut state, &acquire("b", false), 15), Ok(2), "it ran out");
        assert_eq!(token(&mut state, &acquire("a", true), 16), Ok(3), "it was taken over");
        let renew = |token| LeaseRequest::Renew { token: FencingToken(token), ttl: TTL };
        assert_eq!(token(&mut state, &renew(2), 17), Err(ErrorKind::Fenced));
        assert_eq!(token(&mut state, &renew(3), 40), Ok(3), "nobody took it meanwhile");
        let release = |token| LeaseRequest::Release { token: FencingToken(token) };
        assert_eq!(token(&mut state, &release(2), 41), Ok(3), "another has it");
        assert_eq!(token(&mut state, &release(3), 41), Ok(3));
        assert_eq!(token(&mut state, &acquire("b", false), 41), Ok(4));
        assert_eq!(state.admit(FencingToken(3)).map_err(|refusal| refusal.kind), Err(ErrorKind::Fenced));
        assert!(state.admit(FencingToken(4)).is_ok());
        assert!(state.admit(FencingToken(9)).is_ok(), "whoever shows a higher one has it from elsewhere");
        assert_eq!(token(&mut state, &renew(4), 42), Err(ErrorKind::Fenced));
    }
}
