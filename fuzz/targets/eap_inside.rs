//! Conversations inside PEAP and TTLS under libFuzzer; see `garth_fuzz::eap_inside`.
#![no_main]

libfuzzer_sys::fuzz_target!(|conversation: &[u8]| garth_fuzz::eap_inside::check(conversation));
