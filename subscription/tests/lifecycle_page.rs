//! `docs/lifecycle.md` is what the rules say.

#[path = "../examples/lifecycle/page.rs"]
mod page;

#[test]
fn the_page_in_docs_is_the_one_that_the_rules_print() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/lifecycle.md");
    let stored = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        stored == page::page(),
        "docs/lifecycle.md is old; write it anew from the root of the repository:\n{}",
        page::REGENERATE
    );
}
