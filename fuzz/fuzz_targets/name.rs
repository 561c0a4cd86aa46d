#![no_main]

use dialtone::laws;
use libfuzzer_sys::fuzz_target;

fuzz_target!(init: laws::begin("name"), |bytes: &[u8]| laws::name(bytes));
