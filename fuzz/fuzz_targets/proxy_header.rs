#![no_main]

use dialtone::laws;
use libfuzzer_sys::fuzz_target;

fuzz_target!(init: laws::begin("proxy_header"), |bytes: &[u8]| laws::proxy_header(bytes));
