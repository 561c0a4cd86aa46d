#![no_main]

use dialtone::laws;
use libfuzzer_sys::fuzz_target;

fuzz_target!(init: laws::begin("certificate"), |bytes: &[u8]| laws::certificate(bytes));
