//! The forms for operators. They are shown by the script, and do nothing without it.

use maud::{Markup, html};

/// The dialogs, which are no part of what is brought up to date: what was typed into them stays.
pub(super) fn render() -> Markup {
    html! {
        dialog #drain-dialog aria-labelledby="drain-title" {
            form #drain-form method="dialog" autocomplete="off" {
                h2 #drain-title { "Drain " span .region-name {} }
                div .fields {
                    label .long { "Reason" input name="reason" required maxlength="500" placeholder="INC-481 power loss"; }
                    label { "Your name" input name="by" maxlength="100" placeholder="oncall"; }
                    label { "For" input name="for" required value="4h" pattern="[0-9]+(ms|s|m|h|d)"; }
                    label { "Share left" input name="share" required value="0%" pattern="[0-9]+([.][0-9]+)?%"; }
                    label { "Ramp" input name="ramp" placeholder="at once" pattern="[0-9]+(ms|s|m|h|d)"; }
                    label { "Sessions"
                        select name="sessions" {
                            option value="keep" { "keep: still go home" }
                            option value="move" { "move: go to the substitute" }
                        }
                    }
                    label { "Open streams" input name="streams" placeholder="keep, or close after, e.g. 10m" pattern="keep|[0-9]+(ms|s|m|h|d)"; }
                    (token())
                }
                div .answer role="status" aria-live="polite" {}
                div .buttons {
                    button type="button" data-close { "Cancel" }
                    button type="submit" name="act" value="preview" .primary { "Preview" }
                    button type="submit" name="act" value="apply" .danger disabled { "Drain" }
                }
            }
        }
        dialog #undrain-dialog aria-labelledby="undrain-title" {
            form #undrain-form method="dialog" autocomplete="off" {
                h2 #undrain-title { "End the drain of " span .region-name {} }
                div .fields {
                    label { "Your name" input name="by" maxlength="100" placeholder="oncall"; }
                    label { "Ramp" input name="ramp" placeholder="at once" pattern="[0-9]+(ms|s|m|h|d)"; }
                    (token())
                }
                div .answer role="status" aria-live="polite" {}
                div .buttons {
                    button type="button" data-close { "Cancel" }
                    button type="submit" name="act" value="preview" .primary { "Preview" }
                    button type="submit" name="act" value="apply" .danger disabled { "Undrain" }
                }
            }
        }
    }
}

fn token() -> Markup {
    html! {
        label .long { "Token of an operator"
            input name="token" type="password" required autocomplete="off" spellcheck="false";
        }
    }
}

/// What is shown to those who have yet to say their token.
pub(super) fn sign_in() -> Markup {
    html! {
        section .sign-in aria-labelledby="sign-in-title" {
            h2 #sign-in-title { "This edge asks for a token" }
            p { "Others than its own machine can reach this address. The token stays in this tab, and is gone when it is closed." }
            form #sign-in-form autocomplete="off" {
                label { "Token" input name="token" type="password" required autocomplete="off" spellcheck="false"; }
                div .answer role="status" aria-live="polite" {}
                div .buttons { button type="submit" .primary { "Show the status" } }
            }
            noscript { p { "This page needs its script to send the token. Without it: " code { "homeward status --token-file FILE" } "." } }
        }
    }
}
