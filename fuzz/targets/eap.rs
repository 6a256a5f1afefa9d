//! EAP conversations under libFuzzer; see `garth_fuzz::eap`.
#![no_main]

libfuzzer_sys::fuzz_target!(|conversation: &[u8]| garth_fuzz::eap::check(conversation));
