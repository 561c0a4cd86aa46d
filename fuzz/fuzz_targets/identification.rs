#![no_main]

use dialtone::laws;
use libfuzzer_sys::fuzz_target;

fuzz_target!(init: laws::begin("identification"), |bytes: &[u8]| laws::identification(bytes));
