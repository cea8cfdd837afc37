//! Floor 7: one verb in, one exit code out.
