//! Randomness. Everything below this floor is handed its random numbers; everything above asks here.
//!
//! What spreads load is no secret: nothing that must not be guessed may be made of it. For secrets there is
//! [`secret_bytes`].

use std::time::Duration;
use zeroize::Zeroizing;

/// The system gives no randomness.
#[derive(Debug, thiserror::Error)]
#[error("the system gives no randomness: {0}")]
pub struct NoRandomness(getrandom::Error);

/// 256 bits of the system's randomness, which nobody can guess; wiped when they go.
///
/// # Errors
/// Where the system gives none.
pub fn secret_bytes() -> Result<Zeroizing<[u8; 32]>, NoRandomness> {
    let mut bytes = Zeroizing::new([0; 32]);
    getrandom::fill(&mut *bytes).map_err(NoRandomness)?;
    Ok(bytes)
}

/// A random number, all of them equally likely.
#[must_use]
#[allow(clippy::disallowed_methods, reason = "the one place that reads random numbers")]
pub fn random_u64() -> u64 {
    fastrand::u64(..)
}

/// `duration`, moved at random by up to `ratio` of it in either direction, e.g. 0.1 for ±10 %. `ratio` is cut to
/// between 0 and 1.
#[must_use]
#[allow(clippy::disallowed_methods, reason = "the one place that reads random numbers")]
pub fn jitter(duration: Duration, ratio: f64) -> Duration {
    let ratio = ratio.clamp(0.0, 1.0);
    let factor = 1.0 - ratio + 2.0 * ratio * fastrand::f64();
    Duration::try_from_secs_f64(duration.as_secs_f64() * factor).unwrap_or(duration)
}

/// A number from 0 to 1, below 1.
#[must_use]
#[allow(clippy::disallowed_methods, reason = "the one place that reads random numbers")]
pub fn ratio() -> f64 {
    fastrand::f64()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_differ() {
        assert_ne!(*secret_bytes().unwrap(), *secret_bytes().unwrap());
    }

    #[test]
    fn jitter_stays_within_its_ratio_and_moves() {
        let base = Duration::from_secs(10);
        let drawn: Vec<Duration> = (0..1000).map(|_| jitter(base, 0.2)).collect();
        assert!(drawn.iter().all(|d| (Duration::from_secs(8)..=Duration::from_secs(12)).contains(d)));
        assert!(
            drawn.iter().any(|d| *d < Duration::from_secs(9)) && drawn.iter().any(|d| *d > Duration::from_secs(11))
        );
        assert_eq!(jitter(base, 0.0), base);
        assert_eq!(jitter(Duration::ZERO, 0.5), Duration::ZERO);
    }
}
