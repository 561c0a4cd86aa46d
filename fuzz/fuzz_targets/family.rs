#![no_main]

use dialtone::laws;
use libfuzzer_sys::fuzz_target;

fuzz_target!(init: laws::begin("family"), |bytes: &[u8]| laws::family(bytes));
