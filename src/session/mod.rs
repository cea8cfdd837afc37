//! Floor 1: from the headers of a request to a session key, from a session key to the region that it names, and how keys
//! are minted, signed and taken apart.

mod bearer;
mod cookie;
mod cookie_finder;
mod format;
mod key;
mod octets;
mod rewrite;

pub use bearer::bearer_token;
pub use cookie::{CookieName, cookie_values, set_cookie_value};
pub use cookie_finder::CookieFinder;
pub use format::{KeyFormat, Opened, TAG_LENGTH};
pub use key::{KeyProblem, LONGEST_KEY, Octets, PrefixIndex};
pub(crate) use octets::{any, has_octet};
pub use rewrite::{MOST_VALUES, Minted, minted, without_prefixes};
