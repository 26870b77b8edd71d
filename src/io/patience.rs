//! Asking again: what may be otherwise the next time is asked for again, but not at once, not for ever, and never against the server's word.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use reqwest::Response;
use reqwest::header::{DATE, HeaderMap, RETRY_AFTER};

use super::Clock;
use super::http::HttpError;
use crate::base::{Timestamp, limits};

/// What the servers of one run said about how often they want to be asked, and how long we wait for them.
#[derive(Debug)]
pub(super) struct Patience {
    /// A server that wants more is not waited for.
    longest: Duration,
    /// By origin: not before then.
    held: Mutex<HashMap<String, Instant>>,
    quotas: Mutex<BTreeMap<String, Quota>>,
    notices: Mutex<BTreeSet<String>>,
}

/// How much a registry still lets us ask: the `ratelimit-*` headers of Docker Hub.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Quota {
    /// Scheme, host and port.
    pub origin: String,
    /// Pulls in one window.
    pub limit: u64,
    /// Pulls left.
    pub remaining: u64,
    /// Seconds of the window.
    pub window: Option<u64>,
}

impl Quota {
    /// Whether less than a tenth is left.
    pub fn is_low(&self) -> bool {
        self.remaining.saturating_mul(10) < self.limit
    }
}

impl Patience {
    pub(super) fn new(longest: Duration) -> Self {
        Self { longest, held: Mutex::default(), quotas: Mutex::default(), notices: Mutex::default() }
    }

    /// Counts the tries of one thing.
    pub(super) fn tries(self: &Arc<Self>) -> Tries {
        Tries { patience: self.clone(), made: 0 }
    }

    /// Waits until the server may be asked.
    pub(super) async fn admit(&self, origin: &str) -> Result<(), HttpError> {
        loop {
            let until = lock(&self.held).get(origin).copied();
            let left = until.map_or(Duration::ZERO, |until| until.saturating_duration_since(Instant::now()));
            if left.is_zero() {
                return Ok(());
            }
            if left > self.longest {
                return Err(self.busy(origin, left));
            }
            tokio::time::sleep(left).await;
        }
    }

    /// Keeps what an answer says beside its content.
    pub(super) fn note(&self, origin: &str, answer: &HeaderMap) {
        if let Some(quota) = quota(origin, answer) {
            lock(&self.quotas).insert(origin.to_owned(), quota);
        }
        // Distribution-spec v1.1, "Warnings": shown, never acted upon.
        let warnings = answer.get_all("warning").iter().filter_map(|value| value.to_str().ok());
        for text in warnings.filter_map(warning) {
            self.remark(format!("{origin} says: {text}"));
        }
    }

    /// Keeps something that people are to read.
    pub(super) fn remark(&self, text: String) {
        let mut notices = lock(&self.notices);
        if notices.len() < limits::NOTICES {
            notices.insert(text);
        }
    }

    pub(super) fn quotas(&self) -> Vec<Quota> {
        lock(&self.quotas).values().cloned().collect()
    }

    /// What registries want people to read, each text once.
    pub(super) fn notices(&self) -> Vec<String> {
        lock(&self.notices).iter().cloned().collect()
    }

    fn hold(&self, origin: &str, wait: Duration) {
        let now = Instant::now();
        // Who asks for a thousand years is not asked again in this run.
        let until = now.checked_add(wait).unwrap_or(now + YEAR);
        let mut held = lock(&self.held);
        let known = held.entry(origin.to_owned()).or_insert(until);
        *known = until.max(*known);
    }

    fn busy(&self, origin: &str, wait: Duration) -> HttpError {
        let seconds = wait.as_secs_f64().ceil() as u64;
        let again = i64::try_from(seconds).ok().and_then(|wait| Clock.now().seconds().checked_add(wait));
        let again = again.and_then(|time| Timestamp::from_seconds(time).ok());
        HttpError::Busy { host: origin.to_owned(), seconds, longest: self.longest.as_secs(), again }
    }
}

/// The tries of one thing, over all requests that it takes.
#[derive(Debug)]
pub(super) struct Tries {
    patience: Arc<Patience>,
    made: u32,
}

impl Tries {
    /// Whether to ask again after this answer, now that it was waited for: only an answer that may be another one the next time.
    pub(super) async fn after_answer(&mut self, origin: &str, answer: &Response) -> Result<bool, HttpError> {
        let status = answer.status().as_u16();
        if !is_passing(status) {
            return Ok(false);
        }
        let asked = retry_after(answer.headers(), Clock.now());
        self.made += 1;
        let wait = self.wait(asked);
        if status == 429 {
            // It is about us, not about this one request: nobody of this run asks before.
            self.patience.hold(origin, wait);
        }
        if asked.is_some_and(|asked| asked > self.patience.longest) {
            return Err(self.patience.busy(origin, wait));
        }
        if self.made >= limits::TRIES {
            return Ok(false);
        }
        tokio::time::sleep(wait).await;
        Ok(true)
    }

    /// Waits before the next try; returns the error if there is to be none.
    pub(super) async fn after_error(&mut self, error: HttpError) -> Result<(), HttpError> {
        self.made += 1;
        if !error.is_passing() || self.made >= limits::TRIES {
            return Err(error);
        }
        tokio::time::sleep(self.wait(None)).await;
        Ok(())
    }

    /// Waits before the next try of something that did not move on; false if there is to be none.
    pub(super) async fn after_standstill(&mut self) -> bool {
        self.made += 1;
        if self.made >= limits::TRIES {
            return false;
        }
        tokio::time::sleep(self.wait(None)).await;
        true
    }

    /// Whether something failed before.
    pub(super) fn is_again(&self) -> bool {
        self.made > 0
    }

    /// Something arrived: what fails now is another failure.
    pub(super) fn moved_on(&mut self) {
        self.made = 0;
    }

    /// "Full jitter": between nothing and twice the wait before. What the server asks for is waited for in full.
    fn wait(&self, asked: Option<Duration>) -> Duration {
        let first = Duration::from_millis(limits::RETRY_FIRST_MILLIS);
        let longest = Duration::from_secs(limits::RETRY_LONGEST_SECONDS).min(self.patience.longest);
        match asked {
            Some(asked) => asked.saturating_add(Clock.dice(first.min(longest))),
            None => Clock.dice((first * 2_u32.pow(self.made.saturating_sub(1).min(10))).min(longest)),
        }
    }
}

/// Whether an answer with this status may be another one the next time.
pub(super) fn is_passing(status: u16) -> bool {
    PASSING.contains(&status)
}

/// RFC 9110, section 10.2.3: seconds, or a date, which is read against the server's own clock. None if it is neither.
fn retry_after(answer: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = answer.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(Duration::from_secs(text.parse().unwrap_or(u64::MAX)));
    }
    let date = answer.get(DATE).and_then(|date| Timestamp::from_http_date(date.to_str().ok()?));
    let wait = Timestamp::from_http_date(text)?.seconds().saturating_sub(date.unwrap_or(now).seconds());
    Some(Duration::from_secs(u64::try_from(wait).unwrap_or(0)))
}

/// `ratelimit-limit: 100;w=21600` and `ratelimit-remaining: 99;w=21600`.
fn quota(origin: &str, answer: &HeaderMap) -> Option<Quota> {
    let number = |name: &str| {
        let text = answer.get(name)?.to_str().ok()?;
        let (count, rest) = text.split_once(';').unwrap_or((text, ""));
        let window = rest.split(';').find_map(|part| part.trim().strip_prefix("w=")?.parse().ok());
        Some((count.trim().parse::<u64>().ok()?, window))
    };
    let (limit, window) = number("ratelimit-limit")?;
    let (remaining, _) = number("ratelimit-remaining")?;
    Some(Quota { origin: origin.to_owned(), limit, remaining, window })
}

/// The text of `299 - "text"`; other codes are about caches.
fn warning(value: &str) -> Option<String> {
    let rest = value.trim().strip_prefix("299 ")?;
    let (_, quoted) = rest.split_once('"')?;
    let text: String = quoted.strip_suffix('"')?.replace("\\\"", "\"").chars().take(NOTICE).collect();
    (!text.is_empty()).then_some(text)
}

/// A panic elsewhere does not make these wrong.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Statuses that may be others the next time.
const PASSING: &[u16] = &[408, 425, 429, 500, 502, 503, 504, 522];
/// Characters of a notice.
const NOTICE: usize = 4096;
const YEAR: Duration = Duration::from_secs(365 * 86400);

#[cfg(test)]
mod tests {
    use reqwest::header::{HeaderName, HeaderValue};

    use super::*;
    use crate::io::http::Cause;
    use crate::io::stub::wait;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let pair = |(name, value): &(&'static str, &str)| {
            (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap())
        };
        pairs.iter().map(pair).collect()
    }

    #[test]
    fn retry_after_in_both_forms() {
        let now = Timestamp::from_http_date("Sun, 06 Nov 1994 08:49:37 GMT").unwrap();
        let asked =
            |text: &str| retry_after(&headers(&[("retry-after", text)]), now).map(|wait| wait.as_secs());
        for (text, want) in [
            ("0", Some(0)),
            ("120", Some(120)),
            (" 7 ", Some(7)),
            ("Sun, 06 Nov 1994 08:50:37 GMT", Some(60)),
            ("Sunday, 06-Nov-94 08:49:38 GMT", Some(1)),
            // In the past.
            ("Sun, 06 Nov 1994 08:00:00 GMT", Some(0)),
            ("99999999999999999999999", Some(u64::MAX)),
            ("1e9", None),
            ("-1", None),
            ("1.5", None),
            ("+1", None),
            ("", None),
            ("soon", None),
        ] {
            assert_eq!(asked(text), want, "{text}");
        }
        // A server whose clock is an hour late means its own clock.
        let late =
            [("retry-after", "Sun, 06 Nov 1994 07:50:00 GMT"), ("date", "Sun, 06 Nov 1994 07:49:30 GMT")];
        assert_eq!(retry_after(&headers(&late), now), Some(Duration::from_secs(30)));
        assert_eq!(retry_after(&headers(&[]), now), None);
    }

    #[test]
    fn waits_grow_and_end() {
        let patience = Arc::new(Patience::new(Duration::from_secs(60)));
        let mut tries = patience.tries();
        for (made, longest) in [(1, 500), (2, 1000), (3, 2000), (4, 4000), (9, 30_000), (4_000_000, 30_000)] {
            tries.made = made;
            let waits: Vec<Duration> = (0..200).map(|_| tries.wait(None)).collect();
            let longest = Duration::from_millis(longest);
            assert!(waits.iter().all(|wait| *wait <= longest), "{made}");
            // Full jitter: some come soon, some late.
            assert!(
                waits.iter().any(|wait| *wait < longest / 4) && waits.iter().any(|wait| *wait > longest / 2)
            );
        }
        let asked = tries.wait(Some(Duration::from_secs(20)));
        assert!((20.0..=20.5).contains(&asked.as_secs_f64()), "{asked:?}");
        // Whoever wants no waiting does not wait.
        assert_eq!(Arc::new(Patience::new(Duration::ZERO)).tries().wait(None), Duration::ZERO);
    }

    #[test]
    fn a_held_server_is_not_asked_before_and_not_waited_for_too_long() {
        let patience = Patience::new(Duration::from_secs(10));
        let started = Instant::now();
        patience.hold("https://r.example", Duration::from_millis(80));
        // A shorter word later does not shorten it.
        patience.hold("https://r.example", Duration::ZERO);
        wait(patience.admit("https://other.example")).unwrap();
        assert!(started.elapsed() < Duration::from_millis(80));
        wait(patience.admit("https://r.example")).unwrap();
        assert!(started.elapsed() >= Duration::from_millis(80));
        for forever in [Duration::from_secs(3600), Duration::MAX] {
            patience.hold("https://r.example", forever);
            let error = wait(patience.admit("https://r.example")).unwrap_err().to_string();
            assert!(error.contains("https://r.example wants to be asked again in"), "{error}");
            assert!(error.ends_with("the longest wait is 10"), "{error}");
        }
    }

    #[test]
    fn only_what_may_pass_is_tried_again() {
        let patience = Arc::new(Patience::new(Duration::ZERO));
        let passing = || HttpError::Interrupted { source: Cause::passing("reset") };
        let mut tries = patience.tries();
        for made in 1..=limits::TRIES {
            assert_eq!(wait(tries.after_error(passing())).is_ok(), made < limits::TRIES, "{made}");
        }
        tries.moved_on();
        assert!(wait(tries.after_error(passing())).is_ok());
        assert!(wait(tries.after_error(HttpError::TooLarge { limit: 1 })).is_err());
    }

    #[test]
    fn quotas_and_warnings() {
        let hub = headers(&[("ratelimit-limit", "200;w=21600"), ("ratelimit-remaining", "19;w=21600")]);
        let quota = quota("https://h", &hub).unwrap();
        assert_eq!((quota.limit, quota.remaining, quota.window), (200, 19, Some(21600)));
        assert!(quota.is_low() && !Quota { remaining: 20, ..quota }.is_low());
        for (limit, remaining) in [("x", "1"), ("1", "-1"), ("", "1"), ("1;w=2", "")] {
            let said = headers(&[("ratelimit-limit", limit), ("ratelimit-remaining", remaining)]);
            assert_eq!(super::quota("h", &said), None);
        }
        assert_eq!(warning(r#"299 - "moves on \"1 May\"""#).as_deref(), Some(r#"moves on "1 May""#));
        for text in ["", "299", r#"199 - "stale""#, "299 - bare", r#"299 - """#, r#"299 - ""#] {
            assert_eq!(warning(text), None, "{text}");
        }
        assert_eq!(warning(&format!(r#"299 - "{}""#, "x".repeat(9000))).map(|text| text.len()), Some(NOTICE));
        let patience = Patience::new(Duration::ZERO);
        for number in 0..100 {
            patience.note("https://h", &headers(&[("warning", &format!(r#"299 - "{number}""#))]));
        }
        assert_eq!(patience.notices().len(), limits::NOTICES);
    }
}
