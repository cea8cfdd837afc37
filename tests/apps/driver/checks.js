// Checks: a line each, and how many there were.

'use strict';

const { isDeepStrictEqual } = require('node:util');

class Checks {
  passed = 0;
  failed = 0;

  /** Those of one app, driven in one way. */
  of(app, way) {
    const title = `${app.padEnd(7)} ${way.padEnd(8)}`;
    return {
      that: (claim, holds, detail = '') => this.#count(title, claim, holds, detail),
      equal: (claim, got, expected) => {
        const detail = `got       ${JSON.stringify(got)}\n      expected  ${JSON.stringify(expected)}`;
        this.#count(title, claim, isDeepStrictEqual(got, expected), detail);
      },
    };
  }

  /** Runs `scenario`; what it throws is a failure. */
  async run(app, way, scenario) {
    const checks = this.of(app, way);
    try {
      await scenario(checks);
    } catch (error) {
      checks.that('it runs to its end', false, error.stack);
    }
  }

  #count(title, claim, holds, detail) {
    this[holds ? 'passed' : 'failed'] += 1;
    console.log(`${holds ? 'ok  ' : 'FAIL'}  ${title} ${claim}${holds || !detail ? '' : `\n      ${detail}`}`);
  }
}

module.exports = { Checks };
