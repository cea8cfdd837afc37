// What holds for a visitor with Chromium.

'use strict';

const { REGIONS } = require('./fleet');
const { BrowserVisitor } = require('./browser');
const { parts } = require('./key');

const [EAST, CENTRAL, WEST] = REGIONS;
const EXPIRES_WITHIN = 60; // seconds between two logins, at most

/** All that a visitor does, clicking. */
async function clicks(app, browser, checks) {
  const direct = await BrowserVisitor.of(browser);
  await direct.logIn(app.direct(EAST), 'ada');
  checks.equal('without an edge: known', await direct.whoami(app.direct(EAST)), whoami(EAST, 'ada', 1));

  for (const home of REGIONS) {
    const visitor = await BrowserVisitor.of(browser);
    await visitor.logIn(app.through(home), 'ada');
    await cookiesLookTheSame(app, home, visitor, direct, checks);
    for (const [nth, edge] of [home, ...REGIONS, ...REGIONS].entries()) {
      const expected = whoami(home, 'ada', nth + 1);
      checks.equal(`${home.name}: known through ${edge.name}`, await visitor.whoami(app.through(edge)), expected);
    }
    const next = REGIONS[(REGIONS.indexOf(home) + 1) % 3];
    const key = (await visitor.cookie(app.cookie)).value;
    await visitor.logOut(app.through(next));
    const left = await visitor.cookie(app.cookie);
    checks.equal(`${home.name}: a logout through ${next.name} takes the cookie away`, left, undefined);
    checks.equal(`${home.name}: and the session`, await visitor.whoami(app.through(home)), whoami(home, null, 1));
    await visitor.logIn(app.through(next), 'bob');
    const again = await visitor.whoami(app.through(next));
    checks.equal(`${home.name}: a second login is known`, [again.user, again.visits], ['bob', 1]);
    checks.that(`${home.name}: with a key of its own`, (await visitor.cookie(app.cookie)).value !== key);
    await visitor.close();
  }
  await direct.close();
}

/** What the browser keeps is what it keeps without an edge, but for the value of the session's cookie. */
async function cookiesLookTheSame(app, home, visitor, direct, checks) {
  const [through, without] = [await visitor.cookies(), await direct.cookies()];
  checks.equal(`${home.name}: the browser keeps the same cookies with the same attributes`, looks(through), looks(without));
  for (const cookie of through) {
    const twin = without.find((other) => other.name === cookie.name);
    const apart = Math.abs(cookie.expires - twin.expires);
    checks.that(`${home.name}: and ${cookie.name} expires when it should`, apart <= EXPIRES_WITHIN, `${apart} s apart`);
  }
  const session = through.find((cookie) => cookie.name === app.cookie);
  const { prefix, value } = parts(session.value);
  checks.equal(`${home.name}: the session's names its home`, prefix, home.prefix);
  checks.that(`${home.name}: with the app's own value behind it`, app.in(home).given.has(value), value);
  checks.that(`${home.name}: no script can read it`, !(await visitor.scriptCookies()).includes(value));
}

/** All attributes of cookies but their values and their times. */
function looks(cookies) {
  const one = ({ name, domain, path, httpOnly, secure, sameSite, session, priority, partitionKey }) =>
    ({ name, domain, path, httpOnly, secure, sameSite: sameSite ?? null, session, priority, partitionKey: partitionKey ?? null });
  return cookies.map(one).sort((a, b) => a.name.localeCompare(b.name));
}

/** Whoever changes the cookie is a new visitor. */
async function tampered(app, browser, checks) {
  const changes = {
    'the prefix of another region': (key) => key.replace('east-', 'west-'),
    'another value': (key) => `${key}x`,
    "the app's own value": (key) => parts(key).value,
  };
  for (const [change, make] of Object.entries(changes)) {
    const visitor = await BrowserVisitor.of(browser);
    await visitor.logIn(app.through(EAST), 'ada');
    await visitor.replace(app.cookie, make);
    checks.equal(`a new visitor: ${change}`, await visitor.whoami(app.through(CENTRAL)), whoami(CENTRAL, null, 1));
    checks.equal(`with a good key from then on: ${change}`, await visitor.whoami(app.through(WEST)), whoami(CENTRAL, null, 2));
    await visitor.logIn(app.through(WEST), 'bob');
    checks.equal(`who can log in: ${change}`, await visitor.whoami(app.through(EAST)), whoami(CENTRAL, 'bob', 1));
    await visitor.close();
  }
}

const whoami = (region, user, visits) => ({ region: region.name, user, visits });

module.exports = { clicks, tampered };
