//! Whether a region that stands out may be drained by the edge itself. It may only where nothing speaks against it.

use std::fmt;
use std::time::Duration;

/// What is known at the moment at which a region might be drained.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Situation {
    /// For how long the region has stood out.
    pub stands_out_for: Duration,
    /// Whether another region stands out too.
    pub others_stand_out: bool,
    /// Whether any drain is there, of anybody and of any region, that is not over.
    pub is_any_drained: bool,
    /// Whether a service would be left without another region that can serve it.
    pub is_last: bool,
    /// Whether a region that stands in would get more than it can carry; `None` where that cannot be foreseen.
    pub is_too_much: Option<bool>,
    /// How long ago an operator has ended a drain of the region; `None` where nobody has, or it is not known any more.
    pub undone_ago: Option<Duration>,
}

/// What the settings say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AutoDrainLimits {
    /// For how long a region must have stood out.
    pub after: Duration,
    /// For how long it is left alone after an operator has ended a drain of it.
    pub pause: Duration,
}

/// Why a region that stands out is not drained by the edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Objection {
    /// It has not stood out for long enough.
    TooSoon,
    /// Another one stands out too: it is not clear what it is.
    NotAlone,
    /// A drain is there already.
    Drained,
    /// A service would have no other region.
    LastRegion,
    /// Those that stand in cannot carry it.
    NoCapacity,
    /// It cannot be foreseen what those that stand in would get.
    Unforeseen,
    /// An operator has ended a drain of it.
    Undone,
}

impl Situation {
    /// The first thing that speaks against it.
    #[must_use]
    pub fn objection(&self, limits: AutoDrainLimits) -> Option<Objection> {
        if self.stands_out_for < limits.after {
            Some(Objection::TooSoon)
        } else if self.is_any_drained {
            Some(Objection::Drained)
        } else if self.others_stand_out {
            Some(Objection::NotAlone)
        } else if self.is_last {
            Some(Objection::LastRegion)
        } else if self.undone_ago.is_some_and(|ago| ago < limits.pause) {
            Some(Objection::Undone)
        } else {
            match self.is_too_much {
                Some(false) => None,
                Some(true) => Some(Objection::NoCapacity),
                None => Some(Objection::Unforeseen),
            }
        }
    }
}

impl fmt::Display for Objection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooSoon => "it has not stood out for long enough yet",
            Self::NotAlone => "another region stands out too",
            Self::Drained => "there is a drain already",
            Self::LastRegion => "it is the last region that can serve some service",
            Self::NoCapacity => "the regions that would stand in cannot carry its load",
            Self::Unforeseen => "it cannot be foreseen what the regions that would stand in would get",
            Self::Undone => "an operator has ended a drain of it lately",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LIMITS: AutoDrainLimits = AutoDrainLimits { after: Duration::from_mins(1), pause: Duration::from_hours(4) };

    /// One in which nothing speaks against a drain.
    const CLEAR: Situation = Situation {
        stands_out_for: LIMITS.after,
        others_stand_out: false,
        is_any_drained: false,
        is_last: false,
        is_too_much: Some(false),
        undone_ago: None,
    };

    #[test]
    fn everything_that_speaks_against_it_is_enough() {
        assert_eq!(CLEAR.objection(LIMITS), None);
        let short = LIMITS.after - Duration::from_nanos(1);
        let lately = Some(LIMITS.pause - Duration::from_nanos(1));
        for (situation, objection) in [
            (Situation { stands_out_for: short, ..CLEAR }, Objection::TooSoon),
            (Situation { others_stand_out: true, ..CLEAR }, Objection::NotAlone),
            (Situation { is_any_drained: true, ..CLEAR }, Objection::Drained),
            (Situation { is_last: true, ..CLEAR }, Objection::LastRegion),
            (Situation { is_too_much: Some(true), ..CLEAR }, Objection::NoCapacity),
            (Situation { is_too_much: None, ..CLEAR }, Objection::Unforeseen),
            (Situation { undone_ago: lately, ..CLEAR }, Objection::Undone),
        ] {
            assert_eq!(situation.objection(LIMITS), Some(objection));
        }
        assert_eq!(Situation { undone_ago: Some(LIMITS.pause), ..CLEAR }.objection(LIMITS), None);
    }

    proptest! {
        #[test]
        fn nothing_is_drained_that_anything_speaks_against(
            seconds in 0..200_u64, flags: [bool; 3], too_much: Option<bool>, undone in prop::option::of(0..30_000_u64),
        ) {
            let [others_stand_out, is_any_drained, is_last] = flags;
            let situation = Situation {
                stands_out_for: Duration::from_secs(seconds),
                others_stand_out,
                is_any_drained,
                is_last,
                is_too_much: too_much,
                undone_ago: undone.map(Duration::from_secs),
            };
            if situation.objection(LIMITS).is_none() {
                prop_assert!(seconds >= 60 && flags == [false; 3] && too_much == Some(false));
                prop_assert!(undone.is_none_or(|ago| ago >= 4 * 3600));
            }
        }
    }
}
