// Processes that are started here, and ended here.

'use strict';

const { spawn } = require('node:child_process');
const { once } = require('node:events');
const fs = require('node:fs');
const path = require('node:path');
const readline = require('node:readline');

const PATIENCE = 20_000; // milliseconds that anything may take
const all = [];
const running = new Set();

/** A process whose lines are kept. */
class Process {
  lines = [];
  #listeners = new Set();

  constructor(name, command, args, options) {
    this.name = name;
    this.child = spawn(command, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
    all.push(this);
    running.add(this);
    this.ended = new Promise((resolve) => {
      this.child.on('error', (error) => this.#heard(`cannot be started: ${error.message}`));
      this.child.on('close', () => {
        running.delete(this);
        this.#heard('it ended');
        resolve();
      });
    });
    for (const stream of [this.child.stdout, this.child.stderr]) {
      readline.createInterface({ input: stream }).on('line', (line) => this.#heard(line));
    }
  }

  #heard(line) {
    this.lines.push(line);
    for (const listener of this.#listeners) listener(line);
  }

  /** Calls `listener` with each line from now on. */
  onLine(listener) {
    this.#listeners.add(listener);
  }

  /** Waits for a line that `pattern` matches. */
  async said(pattern) {
    return eventually(`${this.name} to say ${pattern}`, () => {
      const match = this.lines.map((line) => line.match(pattern)).find(Boolean);
      if (!match && this.lines.at(-1) === 'it ended') throw new Error(`${this.name} ended:\n${this.lines.join('\n')}`);
      return match;
    });
  }

  /** Ends it: kindly, and where that takes more than 3 seconds, at once. */
  async stop() {
    this.child.kill('SIGTERM');
    const late = setTimeout(() => this.child.kill('SIGKILL'), 3_000);
    await this.ended;
    clearTimeout(late);
  }
}

/** Ends all of them. */
async function stopAll() {
  await Promise.all([...running].map((started) => started.stop()));
}

/** Writes down what each of them said. */
function writeLogs(directory) {
  for (const { name, lines } of all) {
    fs.writeFileSync(path.join(directory, `${name.replaceAll(' ', '-')}.log`), `${lines.join('\n')}\n`);
  }
}

// However this program ends, what it started ends with it.
process.on('exit', () => running.forEach((started) => started.child.kill('SIGKILL')));
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => process.exit(1));

/** Runs a program to its end and gives its standard output as bytes. */
async function output(command, args) {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const [out, errors] = [[], []];
  child.stdout.on('data', (data) => out.push(data));
  child.stderr.on('data', (data) => errors.push(data));
  const [code] = await once(child, 'close');
  if (code !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${code}: ${Buffer.concat(errors)}`);
  return Buffer.concat(out);
}

/** Waits until `condition` gives something. */
async function eventually(what, condition) {
  const deadline = Date.now() + PATIENCE;
  for (;;) {
    const value = await condition();
    if (value) return value;
    if (Date.now() > deadline) throw new Error(`never came: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

module.exports = { Process, stopAll, writeLogs, output, eventually };
