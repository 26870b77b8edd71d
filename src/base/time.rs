//! Moments, as arguments: nothing below `io` reads a clock.

use std::{fmt, str::FromStr};

/// Seconds since 1970-01-01T00:00:00Z, leap seconds not counted.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Timestamp(i64);

impl Timestamp {
    /// 1970-01-01T00:00:00Z.
    pub const EPOCH: Self = Self(0);

    /// From seconds since the epoch, between the years 1 and 9999.
    pub fn from_seconds(seconds: i64) -> Result<Self, TimestampError> {
        jiff::Timestamp::from_second(seconds).map_err(|_| TimestampError::Range)?;
        Ok(Self(seconds))
    }

    /// The date of an HTTP header in each of its three forms: RFC 9110, section 5.6.7. The day of the week is not compared.
    pub fn from_http_date(text: &str) -> Option<Self> {
        let (_, rest) = text.split_once([',', ' '])?;
        let forms = ["%d %b %Y %H:%M:%S GMT", "%d-%b-%y %H:%M:%S GMT", "%b %e %H:%M:%S %Y"];
        let parse = |form: &&str| jiff::civil::DateTime::strptime(form, rest.trim()).ok();
        let time = forms.iter().find_map(parse)?.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
        Some(Self(time.timestamp().as_second()))
    }

    /// Seconds since the epoch.
    pub fn seconds(self) -> i64 {
        self.0
    }
}

impl FromStr for Timestamp {
    type Err = TimestampError;

    /// RFC 3339 with an offset; fractions of a second are dropped.
    fn from_str(text: &str) -> Result<Self, TimestampError> {
        let time: jiff::Timestamp =
            text.parse().map_err(|_| TimestampError::NotRfc3339(text.chars().take(64).collect()))?;
        Ok(Self(time.as_second()))
    }
}

impl fmt::Display for Timestamp {
    /// `2026-11-23T20:40:00Z`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_second(self.0) {
            Ok(time) => write!(f, "{time}"),
            Err(_) => f.write_str("1970-01-01T00:00:00Z"),
        }
    }
}

/// Why a text or number is not a moment.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum TimestampError {
    /// Not a date and time.
    #[error("`{0}` is not a date and time such as 2026-11-23T20:40:00Z")]
    NotRfc3339(String),
    /// Not a year that people write.
    #[error("the time is outside of the years 1 to 9999")]
    Range,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_of_http_headers() {
        let want: Timestamp = "1994-11-06T08:49:37Z".parse().unwrap();
        for text in
            ["Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"]
        {
            assert_eq!(Timestamp::from_http_date(text), Some(want), "{text}");
        }
        for text in ["", "120", "Sun, 06 Nov 1994 08:49:37", "Sun, 31 Feb 1994 08:49:37 GMT", "x, y"] {
            assert_eq!(Timestamp::from_http_date(text), None, "{text}");
        }
    }

    #[test]
    fn round_trip() {
        let time: Timestamp = "2026-11-23T20:40:00.75Z".parse().unwrap();
        assert_eq!(time.to_string(), "2026-11-23T20:40:00Z");
        assert_eq!(Timestamp::from_seconds(time.seconds()), Ok(time));
        assert!("2026-11-23".parse::<Timestamp>().is_err());
        assert!(Timestamp::from_seconds(i64::MAX).is_err());
    }
}
