#![no_main]

use dialtone::laws;
use libfuzzer_sys::fuzz_target;

fuzz_target!(init: laws::begin("authorization"), |bytes: &[u8]| laws::authorization(bytes));
