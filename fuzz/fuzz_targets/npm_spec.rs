//! The target `npm_spec` under a fuzzer; its body is in the crate wharf-fuzz.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| wharf_fuzz::run("npm_spec", bytes));
