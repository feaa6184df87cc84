#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| testkit::fuzzing::installed_from(data));
