//! The page of the sample app: no scripts, nothing from elsewhere, light and dark, for phones too.

use super::{SeenSession, Told};
use std::borrow::Cow;

const PAGE: &str = include_str!("page.html");

/// The page that `server` of `region` shows to a visitor with this `session`, who came with the headers `told`. All
/// that is not the page's own is escaped.
pub(super) fn render(region: &str, server: &str, session: &SeenSession, told: &Told) -> String {
    let mut page = String::with_capacity(PAGE.len() + 2048);
    let mut rest = PAGE;
    // One pass over the page's own text, so that nothing filled in is ever read as a place to fill.
    while let Some((before, slot)) = rest.split_once("{{") {
        page.push_str(before);
        let Some((name, after)) = slot.split_once("}}") else { break };
        match name {
            "region" => page.push_str(&escape(region)),
            "server" => page.push_str(&escape(server)),
            "session" => page.push_str(&session_card(region, session)),
            _ => page.push_str(&headers(told)),
        }
        rest = after;
    }
    page.push_str(rest);
    page
}

fn session_card(region: &str, session: &SeenSession) -> String {
    let region = escape(region);
    let login = |label: &str| format!("<form method=\"post\" action=\"/login\"><button>{label}</button></form>");
    match session {
        SeenSession::None => format!(
            "<section class=\"card\"><h2>You are not logged in</h2>\n<p>Your session will be made here, in {region}. \
             From then on every request comes back to {region}, wherever you are.</p>\n{}</section>",
            login("Log in")
        ),
        SeenSession::Known { key, requests } => {
            let times = if *requests == 1 { "time" } else { "times" };
            format!(
                "<section class=\"card known\"><h2>You are logged in, and {region} holds your session</h2>\n\
                 <p><code>{}</code></p>\n<p>It has been used {requests} {times}.</p>\n\
                 <form method=\"post\" action=\"/logout\"><button>Log out</button></form></section>",
                escape(key)
            )
        }
        SeenSession::Unknown { key } => format!(
            "<section class=\"card unknown\"><h2>Please log in again</h2>\n<p>{region} does not know your session. The \
             region that made it may be away, or it ended. Nothing is wrong with you: a new session here takes one \
             click.</p>\n<p><code>{}</code></p>\n{}</section>",
            escape(key),
            login("Log in again")
        ),
    }
}

fn headers(told: &Told) -> String {
    if told.is_empty() {
        return "<p class=\"soft\">Nothing: this request did not come through an edge.</p>".to_owned();
    }
    let rows = told.iter().map(|(name, value)| format!("<dt>{}</dt><dd>{}</dd>\n", escape(name), escape(value)));
    format!("<dl>\n{}</dl>", rows.collect::<String>())
}

/// `text` with everything that HTML could read as its own made harmless, between tags and in quoted attributes.
pub(super) fn escape(text: &str) -> Cow<'_, str> {
    if !text.contains(['&', '<', '>', '"', '\'']) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        match character {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            other => safe.push(other),
        }
    }
    Cow::Owned(safe)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_slot_is_filled() {
        let page = render("us-east", "us-east/1", &SeenSession::None, &Told::new());
        assert!(page.contains("<h1>us-east</h1>") && page.contains("server us-east/1"));
        assert!(!page.contains("{{") && !page.contains("}}"));
        assert!(page.trim_end().ends_with("</html>"));
    }

    #[test]
    fn hostile_text_stays_text() {
        let told = Told::from([("homeward-reason".to_owned(), "{{region}}<script>'\"&".to_owned())]);
        let session = SeenSession::Unknown { key: "east-<img src=x>".to_owned() };
        let page = render("us-east", "1", &session, &told);
        assert!(page.contains("<dd>{{region}}&lt;script&gt;&#39;&quot;&amp;</dd>"));
        assert!(page.contains("east-&lt;img src=x&gt;") && page.contains("Please log in again"));
        assert!(!page.contains("<script") && !page.contains("<img"));
    }
}
