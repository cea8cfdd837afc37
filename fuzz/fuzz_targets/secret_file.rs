#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| homeward_fuzz::secret_file(data));
