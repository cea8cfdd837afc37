//! Floor 1: from a `Cookie` header to a session key, and from a session key to the region that it names.

mod cookie;
mod key;

pub use cookie::cookie_values;
pub use key::{KeyProblem, LONGEST_KEY, PrefixIndex};
