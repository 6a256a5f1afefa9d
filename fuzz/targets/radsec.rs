//! Streams of RADIUS over TLS under libFuzzer; see `garth_fuzz::radsec`.
#![no_main]

libfuzzer_sys::fuzz_target!(|stream: &[u8]| garth_fuzz::radsec::check(stream));
