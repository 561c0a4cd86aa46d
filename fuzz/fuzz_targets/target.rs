#![no_main]

use dialtone::laws;
use libfuzzer_sys::fuzz_target;

fuzz_target!(init: laws::write_seeds("target"), |bytes: &[u8]| laws::target(bytes));
