// A visitor with curl and its cookie jar.

'use strict';

const fs = require('node:fs');
const path = require('node:path');
const { output } = require('./processes');

let visitors = 0;
let requests = 0;

class CurlVisitor {
  /** One that comes from the address `from`. The place database knows nothing of 127.0.0.1. */
  constructor(directory, from = '127.0.0.1') {
    this.from = from;
    this.jar = path.join(directory, `jar-${++visitors}`);
  }

  get(origin, target) {
    return this.#send(origin, target, ['--cookie', this.jar, '--cookie-jar', this.jar]);
  }

  /** Sends this `Cookie` header instead of what is in the jar, and keeps nothing. */
  getWith(origin, target, cookie) {
    return this.#send(origin, target, ['--header', `Cookie: ${cookie}`]);
  }

  post(origin, target, form = '') {
    return this.#send(origin, target, ['--cookie', this.jar, '--cookie-jar', this.jar, '--data', form]);
  }

  logIn(origin, user) {
    return this.post(origin, '/login', `user=${user}`);
  }

  /** The value of a cookie in the jar. */
  cookie(name) {
    const lines = fs.readFileSync(this.jar, 'utf8').split('\n');
    return lines.map((line) => line.split('\t')).find((fields) => fields[5] === name)?.[6];
  }

  /** Changes the value of a cookie in the jar. */
  replace(name, change) {
    const lines = fs.readFileSync(this.jar, 'utf8').split('\n').map((line) => line.split('\t'));
    const changed = lines.map((fields) => (fields[5] === name ? [...fields.slice(0, 6), change(fields[6])] : fields));
    fs.writeFileSync(this.jar, changed.map((fields) => fields.join('\t')).join('\n'));
  }

  async #send(origin, target, more) {
    const mark = `?n=${++requests}`;
    const fixed = ['-q', '--silent', '--show-error', '--include', '--max-time', '10', '--noproxy', '*', '-4'];
    const text = await output('curl', [...fixed, '--interface', this.from, ...more, origin + target + mark]);
    return new Answer(text.toString('latin1'), mark);
  }
}

/** What curl got, each byte a character. */
class Answer {
  constructor(text, mark) {
    const end = text.indexOf('\r\n\r\n');
    const [first, ...lines] = text.slice(0, end).split('\r\n');
    this.status = Number(first.split(' ')[1]);
    this.body = text.slice(end + 4);
    const headers = lines.map((line) => [line.split(':')[0].toLowerCase(), line.slice(line.indexOf(':') + 1).trim()]);
    this.setCookies = headers.filter(([name]) => name === 'set-cookie').map(([, value]) => value);
    /** What the target ends with, by which it is found at the app. */
    this.mark = mark;
  }

  /** The body as JSON; what came instead, where it is none. */
  json() {
    try {
      return JSON.parse(this.body);
    } catch {
      return `${this.status}: ${this.body}`;
    }
  }
}

module.exports = { CurlVisitor };
