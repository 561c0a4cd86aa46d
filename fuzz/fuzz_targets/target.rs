#![no_main]

use dialtone::laws;
use libfuzzer_sys::fuzz_target;

fuzz_target!(init: laws::begin("target"), |bytes: &[u8]| laws::target(bytes));
