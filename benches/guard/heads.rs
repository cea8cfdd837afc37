//! What the edge itself does with a head that the engine has read: it makes sure that it has one meaning.

use crate::callgrind::Case;
use homeward::proxy::ReceivedHead;
use std::hint::black_box;

/// What browsers and programs send.
const HEADS: [(&str, &str); 2] = [
    (
        "head: a browser's",
        "GET /account/orders?page=2 HTTP/1.1\r\nHost: portal.example.com\r\n\
         User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\r\n\
         Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\nAccept-Language: en-US,en;q=0.5\r\n\
         Accept-Encoding: gzip, deflate, br\r\nConnection: keep-alive\r\n\
         Cookie: theme=dark; sid=east-9f2c4e81b7a04d6f8e3d5c2b1a097f6e; lang=en\r\nUpgrade-Insecure-Requests: 1\r\n\
         Sec-Fetch-Dest: document\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Site: same-origin\r\nSec-Fetch-User: ?1\r\n\r\n",
    ),
    ("head: a program's", "POST /v1/orders HTTP/1.1\r\nHost: api.example.com:8080\r\nContent-Length: 27\r\n\r\n"),
];

/// Runs `with` for each of them.
pub(crate) fn each(mut with: impl FnMut(Case<'_>)) {
    const TIMES: usize = 1_000;
    for (name, wire) in HEADS {
        let head = ReceivedHead::new(wire.as_bytes()).unwrap();
        assert!(head.is_taken());
        let work = move || (0..TIMES).for_each(|_| _ = black_box(black_box(&head).is_taken()));
        with(Case { name: name.to_owned(), operations: TIMES, work: Box::new(work) });
    }
}
