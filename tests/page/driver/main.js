// Puts a world together, opens the status page in a browser, and counts.

'use strict';

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const puppeteer = require('puppeteer-core');
const { Checks } = require('../../apps/driver/checks');
const { stopAll, writeLogs } = require('../../apps/driver/processes');
const scenarios = require('./scenarios');
const { World } = require('./world');

const DEADLINE = 3 * 60_000; // milliseconds for all of it; it takes less than one minute

const checks = new Checks();

async function main(directory) {
  const inside = (name) => fs.mkdtempSync(path.join(directory, name));
  fs.rmSync(process.env.PICTURES, { recursive: true, force: true });
  const browser = await puppeteer.launch({
    executablePath: process.env.CHROMIUM,
    userDataDir: inside('chromium-'),
    acceptInsecureCerts: true, // the one of the test is its own
    args: ['--no-sandbox', '--disable-dev-shm-usage', '--disable-gpu', '--no-proxy-server',
      '--host-resolver-rules=MAP localhost 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1'],
    timeout: 60_000,
  });
  const world = new World(inside('edge-'));
  await world.start();
  world.visit();
  world.held = await world.stream('west');
  await world.until('traffic', (status) => status.regions.every((region) => region.requests_per_second > 1));
  const run = (name, scenario) => checks.run('page', name, (c) => scenario(browser, world, c));
  await run('live', scenarios.liveNumbers);
  await run('static', scenarios.withoutScripts);
  await run('well', (...of) => scenarios.looks(...of, 'well', /All is well/));
  await run('drain', scenarios.drain);
  await run('empty', scenarios.remainders);
  await run('undrain', scenarios.undrain);
  world.apps[0].fails = true;
  world.apps[1].stop();
  await run('trouble', (...of) => scenarios.looks(...of, 'trouble', /us-central is down[\s\S]*us-east is failing|us-east is failing[\s\S]*us-central is down/));
  world.apps[0].fails = false;
  await world.apps[1].start();
  await run('text', scenarios.injected);
  await run('refused', (...of) => scenarios.looks(...of, 'refused', /is refused/));
  await world.stop();

  const open = new World(inside('open-'));
  await open.start({ open: true });
  await checks.run('page', 'sign in', (c) => scenarios.signIn(browser, open, c));
  await open.stop();
  await browser.close();
}

(async () => {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'homeward-page-'));
  const late = setTimeout(() => {
    checks.of('page', '').that(`it is done after ${DEADLINE / 60_000} minutes`, false);
    conclude(directory);
  }, DEADLINE);
  await checks.run('page', '', () => main(directory));
  await stopAll();
  clearTimeout(late);
  conclude(directory);
})();

/** Says how it was, and ends the program. The files are kept where something failed. */
function conclude(directory) {
  if (checks.failed) {
    writeLogs(directory);
    console.log(`Everything that was said is in ${directory}.`);
  } else {
    fs.rmSync(directory, { recursive: true });
  }
  console.log(`${checks.passed} passed, ${checks.failed} failed; pictures are in ${process.env.PICTURES}`);
  process.exit(checks.failed ? 1 : 0);
}
