// Where requests begin and end in the bytes of one connection, as llhttp reads them (Node's parser, in the build that comes with
// undici). Records come on the standard input, each behind its length as four bytes; for each a line goes out:
// {"messages": [[head_end, body, end], …], "error": null or its name}.

import { createRequire } from "node:module";
import path from "node:path";

const require = createRequire(path.join(process.env.NODE_PATH, "conformance.js"));
const build = path.join(path.dirname(require.resolve("undici/package.json")), "lib/llhttp");
const code = require(path.join(build, "llhttp-wasm.js"));

const [REQUEST, OK, PAUSED, PAUSED_UPGRADE] = [1, 0, 21, 22];

// What is being read: null between two messages.
let found = null;
const nothing = () => 0;
const { exports: llhttp } = new WebAssembly.Instance(new WebAssembly.Module(code), {
  env: {
    wasm_on_message_begin: () => ((found = { body: 0 }), 0),
    wasm_on_url: nothing,
    wasm_on_status: nothing,
    wasm_on_header_field: nothing,
    wasm_on_header_value: nothing,
    wasm_on_headers_complete: () => ((found.head = true), PAUSED),
    wasm_on_body: (_parser, _at, length) => ((found.body += length), 0),
    wasm_on_message_complete: () => ((found.whole = true), PAUSED),
  },
});
llhttp._initialize();

// The boundaries in `bytes`. The parser is made to pause where a head and where a message ends, since only then it says where it is.
function boundaries(bytes) {
  const [parser, memory] = [llhttp.llhttp_alloc(REQUEST), llhttp.malloc(Math.max(bytes.length, 1))];
  new Uint8Array(llhttp.memory.buffer, memory, bytes.length).set(bytes);
  const messages = [];
  let [at, headEnd, error] = [0, null, null];
  found = null;
  for (;;) {
    const result = llhttp.llhttp_execute(parser, memory + at, bytes.length - at);
    if (result === OK) break;
    if (result !== PAUSED && result !== PAUSED_UPGRADE) {
      error = name(result);
      break;
    }
    at = llhttp.llhttp_get_error_pos(parser) - memory;
    if (result === PAUSED) llhttp.llhttp_resume(parser);
    else llhttp.llhttp_resume_after_upgrade(parser);
    if (found?.head && headEnd === null) headEnd = at;
    if (found?.whole) {
      messages.push([headEnd, found.body, at]);
      [found, headEnd] = [null, null];
    }
  }
  llhttp.free(memory);
  llhttp.llhttp_free(parser);
  return { messages, error };
}

function name(code) {
  const at = llhttp.llhttp_errno_name(code);
  const memory = new Uint8Array(llhttp.memory.buffer, at, 64);
  return Buffer.from(memory.subarray(0, memory.indexOf(0))).toString("latin1");
}

let held = Buffer.alloc(0);
process.stdin.on("data", (more) => {
  held = held.length === 0 ? more : Buffer.concat([held, more]);
  let answer = "";
  for (;;) {
    const length = held.length < 4 ? Infinity : held.readUInt32LE(0);
    if (held.length < 4 + length) break;
    answer += JSON.stringify(boundaries(held.subarray(4, 4 + length))) + "\n";
    held = held.subarray(4 + length);
  }
  if (answer) process.stdout.write(answer);
});
