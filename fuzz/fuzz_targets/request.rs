#![no_main]

use dialtone::laws;
use libfuzzer_sys::fuzz_target;

fuzz_target!(init: laws::begin("request"), |bytes: &[u8]| laws::request(bytes));
