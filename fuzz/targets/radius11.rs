//! Packets of RADIUS/1.1 under libFuzzer; see `garth_fuzz::radius11`.
#![no_main]

libfuzzer_sys::fuzz_target!(|packet: &[u8]| garth_fuzz::radius11::check(packet));
