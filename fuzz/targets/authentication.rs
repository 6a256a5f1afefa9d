//! The authentication port under libFuzzer; see `garth_fuzz::authentication`.
#![no_main]

libfuzzer_sys::fuzz_target!(|datagram: &[u8]| garth_fuzz::authentication::check(datagram));
