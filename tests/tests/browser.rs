//! The main job in a real browser; pictures are kept in test-output/screenshots.

use std::path::Path;

use garth_tests::Lab;
use garth_tests::browser::{Screen, Visit, pays_for_three_months};
use garth_tests::network::Family;
use garth_tests::story::Story;

const SCREENSHOTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../test-output/screenshots");

fn visits(visit: Visit) -> anyhow::Result<()> {
    let lab = Lab::start()?;
    Story::told_in(&lab, Family::V4, visit.language)?.is_suspended()?;
    pays_for_three_months(&lab, visit, Path::new(SCREENSHOTS))
}

#[test]
fn english_subscriber_pays_and_is_online() {
    visits(Visit {
        language: "en",
        screen: Screen::Desktop,
        dark: false,
    })
    .unwrap();
}

#[test]
fn german_subscriber_pays_and_is_online() {
    visits(Visit {
        language: "de",
        screen: Screen::Desktop,
        dark: false,
    })
    .unwrap();
}

#[test]
fn subscriber_pays_on_a_phone_and_is_online() {
    visits(Visit {
        language: "en",
        screen: Screen::Phone,
        dark: false,
    })
    .unwrap();
}

#[test]
fn subscriber_pays_on_a_phone_in_dark_mode_and_is_online() {
    visits(Visit {
        language: "de",
        screen: Screen::Phone,
        dark: true,
    })
    .unwrap();
}
