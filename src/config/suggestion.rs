//! 'Did you mean …?'

/// The one of `candidates` that a person who typed `word` most likely meant; `None` where none is near.
///
/// Near is one slip (a letter too many, too few, wrong or swapped) for every three letters, whatever the case.
#[must_use]
pub fn did_you_mean<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    const LONGEST: usize = 64; // what is longer is no slip of a name of ours
    if word.len() > LONGEST {
        return None;
    }
    let word = word.to_lowercase().replace('_', "-");
    let slips = (word.chars().count() / 3).clamp(1, 4);
    candidates
        .into_iter()
        .filter(|candidate| candidate.len() <= LONGEST)
        .map(|candidate| (strsim::damerau_levenshtein(&word, &candidate.to_lowercase().replace('_', "-")), candidate))
        .filter(|(distance, candidate)| *distance <= slips && *distance < candidate.chars().count())
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// `names` for a person to read, cut after the first few: `us-east, us-central and 3 more`.
pub(super) fn listed<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    const MOST: usize = 8;
    let mut names = names.into_iter();
    let mut text = String::new();
    for name in names.by_ref().take(MOST) {
        if !text.is_empty() {
            text.push_str(", ");
        }
        text.push_str(name);
    }
    match names.count() {
        0 => text,
        more => format!("{text} and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_the_nearest() {
        let regions = ["us-east", "us-central", "us-west"];
        assert_eq!(did_you_mean("us-wst", regions), Some("us-west"));
        assert_eq!(did_you_mean("us-wets", regions), Some("us-west"));
        assert_eq!(did_you_mean("US_West", regions), Some("us-west"));
        assert_eq!(did_you_mean("eu-north", regions), None);
        assert_eq!(did_you_mean("x", ["y"]), None, "a word of one letter is never a slip of another");
        assert_eq!(did_you_mean(&"u".repeat(10_000), regions), None);
    }

    #[test]
    fn lists_are_cut() {
        assert_eq!(listed(["a", "b"]), "a, b");
        assert_eq!(listed(["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"]), "a, b, c, d, e, f, g, h and 2 more");
    }
}
