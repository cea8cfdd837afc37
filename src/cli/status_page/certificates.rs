//! The certificates of the listeners, as far as somebody should look at them.

use super::{plain, refused};
use crate::admin::Status;
use crate::admin::status::CertificateStatus;
use crate::cli::style::Style;

/// From how many days on a certificate is worth a line. Those that renew themselves have been renewed long before.
const SOON: i64 = 14;

/// Nothing where no listener speaks TLS.
pub(super) fn lines(status: &Status, style: Style) -> String {
    let certificates = &status.certificates;
    let Some(first) = certificates.iter().map(|certificate| certificate.days_left).min() else {
        return String::new();
    };
    let mut text = match certificates.len() {
        1 => format!("{} 1 certificate, {}\n", style.strong("TLS"), left(first)),
        count => format!("{} {count} certificates, {} for the first to expire\n", style.strong("TLS"), left(first)),
    };
    for certificate in certificates {
        for worry in worries(certificate) {
            let line = format!("{}: {worry} ({})", name(certificate), plain(&certificate.file));
            let line = if certificate.days_left < 0 { style.bad(&line) } else { style.odd(&line) };
            text.push_str(&format!("{line}\n"));
        }
        if let Some(problem) = &certificate.problem {
            text.push_str(&style.bad(&refused(problem, status.now, "The certificate that was live stays.")));
        }
    }
    text
}

fn worries(certificate: &CertificateStatus) -> Vec<String> {
    let mut worries: Vec<_> = certificate.warnings.iter().map(|warning| plain(warning)).collect();
    if (0..SOON).contains(&certificate.days_left) {
        worries.push(format!("{}, until {}", left(certificate.days_left), certificate.expires));
    }
    worries
}

fn left(days: i64) -> String {
    match days {
        ..=-1 => "no time left".to_owned(),
        1 => "1 day left".to_owned(),
        _ => format!("{days} days left"),
    }
}

fn name(certificate: &CertificateStatus) -> String {
    certificate.names.first().map_or_else(|| "a certificate without a name".to_owned(), |name| plain(name))
}
