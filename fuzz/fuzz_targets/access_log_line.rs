#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| homeward_fuzz::access_log_line(data));
