//! Lines of access logs.

use homeward::log::LoggedRequest;

/// A line: it is refused with a reason, or says who asked for what.
pub fn access_log_line(data: &[u8]) {
    for line in data.split(|byte| *byte == b'\n') {
        match LoggedRequest::read(line) {
            Err(bad) => assert!(!bad.to_string().is_empty()),
            Ok(request) => {
                assert!(!request.path.contains(['?', '#']));
                assert!(request.session_home().is_none_or(|home| !home.is_empty()));
                let LoggedRequest { second, .. } = request;
                assert!(homeward::model::Timestamp::from_second(second).is_ok());
            }
        }
    }
}
