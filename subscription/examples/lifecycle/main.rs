//! Prints `docs/lifecycle.md`: what the rules say, asked of the rules themselves.

#[path = "page.rs"]
mod page;

fn main() {
    #[expect(clippy::print_stdout, reason = "printing the page is all that it does")]
    {
        print!("{}", page::page());
    }
}
