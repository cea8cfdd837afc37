//! What part of its visitors a region keeps, so that it gets what it can carry and no more.
//!
//! Who is kept is a matter of a stable point between 0 and 1 that each network of visitors has for each region: those below
//! the share are. So the demand is known by the point, whether it is kept or not, and the share that fills the room exactly
//! can be read off it. It does not depend on the share of before: there is nothing to swing. Heavy networks count as what they
//! are, and a drain that keeps only those below its own share is seen in the demand.

/// In how many equal parts the points are counted.
pub const PARTS: usize = 64;

/// The part of a region's capacity that is aimed at, and around it the parts between which a share stays as it is: a share
/// that follows every chance moves visitors for nothing.
const AIM: f64 = 0.98;
const LEAST: f64 = 0.96;
const MOST: f64 = 1.0;

/// How far a share moves toward its aim in one step of a second.
const STEP: f64 = 0.5;

/// A share that is as near as this to its aim is there.
const NEAR: f64 = 0.002;

/// The share after one more second.
///
/// `demand` is what comes, kept or not, by the part of the points that it is in, in requests per second: a mean of some
/// seconds. `capacity` is what the region can carry, and `fixed` what it gets besides, which stays: both in requests per second.
/// The result lies between 0 and 1, whatever comes in.
#[must_use]
pub fn share_after(share: f64, demand: &[f64; PARTS], capacity: f64, fixed: f64) -> f64 {
    let share = if share.is_finite() { share.clamp(0.0, 1.0) } else { 1.0 };
    let all: f64 = demand.iter().sum();
    let gets = fixed + kept(share, demand);
    let is_well = if share >= 1.0 { gets <= MOST * capacity } else { (LEAST..=MOST).contains(&(gets / capacity)) };
    // With nobody to keep away, everybody may come.
    if is_well || !all.is_finite() || !fixed.is_finite() {
        return share;
    }
    let aim = share_for(AIM * capacity - fixed, demand);
    let moved = share + (aim - share) * STEP;
    if (aim - moved).abs() < NEAR { aim } else { moved }
}

/// How much of the demand is below this point.
fn kept(share: f64, demand: &[f64; PARTS]) -> f64 {
    let parts = demand.iter().enumerate();
    parts.map(|(part, rate)| rate * (share * PARTS as f64 - part as f64).clamp(0.0, 1.0)).sum()
}

/// The largest share below which there is no more than `room` of the demand.
fn share_for(room: f64, demand: &[f64; PARTS]) -> f64 {
    let mut left = room;
    for (part, rate) in demand.iter().enumerate() {
        if *rate > left {
            return ((part as f64 + (left / rate).max(0.0)) / PARTS as f64).clamp(0.0, 1.0);
        }
        left -= rate;
    }
    1.0
}

/// In which part of the points this point is.
#[must_use]
pub fn part_of(point: f64) -> usize {
    ((point * PARTS as f64) as usize).min(PARTS - 1)
}

#[cfg(test)]
mod tests;
