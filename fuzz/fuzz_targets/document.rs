#![no_main]

use dialtone::laws;
use libfuzzer_sys::fuzz_target;

fuzz_target!(init: laws::begin("document"), |bytes: &[u8]| laws::document(bytes));
