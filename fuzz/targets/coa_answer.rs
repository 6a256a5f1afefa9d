//! Answers to Disconnect and CoA requests under libFuzzer; see `garth_fuzz::coa_answer`.
#![no_main]

libfuzzer_sys::fuzz_target!(|datagram: &[u8]| garth_fuzz::coa_answer::check(datagram));
