#![no_main]

use dialtone::laws;
use libfuzzer_sys::fuzz_target;

fuzz_target!(init: laws::begin("forwarded"), |bytes: &[u8]| laws::forwarded(bytes));
