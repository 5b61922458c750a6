//! The target `deb_script` under a fuzzer; its body is in the crate wharf-fuzz.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| wharf_fuzz::run("deb_script", bytes));
