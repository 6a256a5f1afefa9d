//! The accounting port under libFuzzer; see `garth_fuzz::accounting`.
#![no_main]

libfuzzer_sys::fuzz_target!(|datagram: &[u8]| garth_fuzz::accounting::check(datagram));
