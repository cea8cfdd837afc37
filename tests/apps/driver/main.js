// Puts the fleet together, lets the visitors loose on it, and counts.

'use strict';

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { launch } = require('./browser');
const { Checks } = require('./checks');
const { REGIONS, Fleet, cookieIn } = require('./fleet');
const { eventually, stopAll, writeLogs } = require('./processes');
const byBrowser = require('./browser_checks');
const byCurl = require('./curl_checks');

const DEADLINE = 5 * 60_000; // milliseconds for all of it; it takes about one minute

const checks = new Checks();

async function main(directory) {
  const fleet = new Fleet(directory);
  await fleet.start();
  for (const app of fleet.apps) {
    await checks.run(app.name, 'direct', (c) => byCurl.direct(app, directory, c));
    // What follows comes through the edges only.
    app.instances.forEach((instance) => (instance.seen = []));
    await lives(app, directory, 'curl');
    await checks.run(app.name, 'curl', (c) => byCurl.together(app, directory, c));
    await checks.run(app.name, 'curl', (c) => byCurl.older(app, directory, c));
  }
  await fleet.adopt({ hops: true });
  for (const app of fleet.apps) {
    await lives(app, directory, 'hops');
    await checks.run(app.name, 'hops', (c) => hopsWereMade(app, fleet, c));
  }
  await fleet.adopt({});
  const browser = await launch(directory);
  for (const app of fleet.apps) {
    await checks.run(app.name, 'chromium', (c) => byBrowser.clicks(app, browser, c));
    await checks.run(app.name, 'both', (c) => onlyTheirOwn(app, c));
  }
  // What follows gives an app cookies that it did not set.
  for (const app of fleet.apps) {
    await checks.run(app.name, 'curl', (c) => byCurl.tampered(app, directory, c));
    await checks.run(app.name, 'chromium', (c) => byBrowser.tampered(app, browser, c));
    await checks.run(app.name, 'curl', (c) => byCurl.drained(app, fleet, c));
    await checks.run(app.name, 'curl', (c) => byCurl.keysExchanged(app, fleet, c));
  }
  await browser.close();
}

/** Sessions that begin in each of the regions, seen by curl. */
async function lives(app, directory, way) {
  for (const home of REGIONS) await checks.run(app.name, way, (c) => byCurl.life(app, directory, home, c));
  await checks.run(app.name, way, (c) => byCurl.fromAfar(app, directory, c));
}

/** Requests did go from edge to edge. The access log is a little behind. */
async function hopsWereMade(app, fleet, checks) {
  const hops = () =>
    fleet.edges.flatMap((edge) => edge.log()).filter((entry) => entry.service === app.name && entry.way === 'edge');
  await eventually('hops in the access logs', () => hops().length >= 60);
  checks.that('requests went from edge to edge', true);
}

/** No instance ever got a session's cookie that it had not set itself. */
function onlyTheirOwn(app, checks) {
  const values = (instance) => instance.seen.map((entry) => cookieIn(entry.cookie, app.cookie)).filter(Boolean);
  const got = app.instances.map((instance) => values(instance).length);
  checks.that(`every region got session cookies (${got.join(', ')})`, got.every((count) => count > 0));
  const strange = app.instances.flatMap((instance) => values(instance).filter((value) => !instance.given.has(value)));
  checks.equal('and each of them was, byte for byte, one that it had set itself', strange, []);
}

(async () => {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'homeward-apps-'));
  const late = setTimeout(() => {
    checks.of('all', '').that(`it is done after ${DEADLINE / 60_000} minutes`, false);
    conclude(directory);
  }, DEADLINE);
  await checks.run('all', '', () => main(directory));
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
  console.log(`${checks.passed} passed, ${checks.failed} failed`);
  process.exit(checks.failed ? 1 : 0);
}
