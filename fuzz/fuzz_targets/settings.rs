#![no_main]

use dialtone::laws;
use libfuzzer_sys::fuzz_target;

fuzz_target!(init: laws::begin("settings"), |bytes: &[u8]| laws::settings(bytes));
