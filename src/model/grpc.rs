//! How a gRPC call ends.

macro_rules! statuses {
    ($($(#[$doc:meta])* $variant:ident = $number:literal $word:literal,)*) => {
        /// The status of a gRPC call (gRPC's `statuscodes.md`), which stands beside the status of HTTP and not in it.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[repr(u8)]
        pub enum GrpcStatus {
            $($(#[$doc])* $variant = $number,)*
        }

        impl GrpcStatus {
            /// All of them, in the order of their numbers.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The word in metrics and logs.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)*
                }
            }
        }
    };
}

statuses! {
    /// It was done.
    Ok = 0 "ok",
    /// Its client cancelled it.
    Cancelled = 1 "cancelled",
    /// Nobody knows; also what is no status.
    Unknown = 2 "unknown",
    /// What was asked makes no sense.
    InvalidArgument = 3 "invalid_argument",
    /// Its time was over.
    DeadlineExceeded = 4 "deadline_exceeded",
    /// What was asked for is not there.
    NotFound = 5 "not_found",
    /// What was to be made is there already.
    AlreadyExists = 6 "already_exists",
    /// Its client may not.
    PermissionDenied = 7 "permission_denied",
    /// Something is used up.
    ResourceExhausted = 8 "resource_exhausted",
    /// Something has to be done before.
    FailedPrecondition = 9 "failed_precondition",
    /// Another call was in the way.
    Aborted = 10 "aborted",
    /// Beyond what there is.
    OutOfRange = 11 "out_of_range",
    /// There is no such call.
    Unimplemented = 12 "unimplemented",
    /// Something broke.
    Internal = 13 "internal",
    /// It cannot be done now.
    Unavailable = 14 "unavailable",
    /// Data is gone.
    DataLoss = 15 "data_loss",
    /// Its client has not said who it is.
    Unauthenticated = 16 "unauthenticated",
}

impl GrpcStatus {
    /// The status that a `grpc-status` header or trailer names; [`Self::Unknown`] where it names none, as clients take it.
    #[must_use]
    pub fn parse(value: &[u8]) -> Self {
        let number = match value {
            [digit @ b'0'..=b'9'] => digit - b'0',
            [b'1', digit @ b'0'..=b'6'] => 10 + digit - b'0',
            _ => return Self::Unknown,
        };
        Self::ALL.get(usize::from(number)).copied().unwrap_or(Self::Unknown)
    }

    /// Whether it is the server's fault, as a status of 500 or above is.
    #[must_use]
    pub fn is_server_error(self) -> bool {
        matches!(
            self,
            Self::Unknown
                | Self::DeadlineExceeded
                | Self::Unimplemented
                | Self::Internal
                | Self::Unavailable
                | Self::DataLoss
        )
    }
}

/// Whether a request with this `Content-Type` is a gRPC call. gRPC-Web, which puts its trailers into the body, is not.
#[must_use]
pub fn is_grpc(content_type: &[u8]) -> bool {
    let Some((name, rest)) = content_type.split_at_checked(b"application/grpc".len()) else { return false };
    name.eq_ignore_ascii_case(b"application/grpc") && matches!(rest.first(), None | Some(b'+' | b';' | b' '))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_statuses() {
        for (number, status) in GrpcStatus::ALL.iter().enumerate() {
            assert_eq!(*status as usize, number);
            assert_eq!(GrpcStatus::parse(number.to_string().as_bytes()), *status);
        }
        for none in ["", "17", "00", "1 ", "-1", "99", "ok", "1\u{663}", "100"] {
            assert_eq!(GrpcStatus::parse(none.as_bytes()), GrpcStatus::Unknown, "{none}");
        }
    }

    #[test]
    fn a_call_is_known_by_its_content_type() {
        for call in ["application/grpc", "application/grpc+proto", "Application/GRPC; charset=utf-8"] {
            assert!(is_grpc(call.as_bytes()), "{call}");
        }
        for other in ["", "application/grpc-web", "application/grpc-web+proto", "application/grpcx", "application/json"]
        {
            assert!(!is_grpc(other.as_bytes()), "{other}");
        }
    }
}
