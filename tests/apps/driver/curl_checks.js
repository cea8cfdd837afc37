// What holds for a visitor with curl.

'use strict';

const { REGIONS, newKey, cookieIn } = require('./fleet');
const { CurlVisitor } = require('./curl');
const { parts, asTheAppSetIt } = require('./key');

const FROM_TORONTO = '127.20.0.1'; // nearest to us-east
const FROM_LOS_ANGELES = '127.11.0.1';
const MANY = 60;

const [EAST, CENTRAL, WEST] = REGIONS;
const others = (region) => REGIONS.filter((other) => other !== region);

/** Without any edge: what the apps are before anybody stands in front of them. */
async function direct(app, directory, checks) {
  const visitor = new CurlVisitor(directory);
  const answer = await visitor.logIn(app.direct(EAST), 'ada');
  checks.equal('a login is answered', answer.status, 303);
  checks.equal('sets the session and another cookie', names(answer), [app.cookie, 'theme'].sort());
  const known = { region: 'us-east', user: 'ada', visits: 1 };
  checks.equal('the session is known', (await visitor.get(app.direct(EAST), '/whoami')).json(), known);
  const unknown = { region: 'us-west', user: null, visits: 1 };
  const cookie = `${app.cookie}=${visitor.cookie(app.cookie)}`;
  const elsewhere = await visitor.getWith(app.direct(WEST), '/whoami', cookie);
  checks.equal('and in its own region only', elsewhere.json(), unknown);
  const deletion = await visitor.post(app.direct(EAST), '/logout');
  checks.equal('a logout deletes the cookie', [names(deletion), visitor.cookie(app.cookie)], [[app.cookie], undefined]);
}

/** A life of a session that begins in `home`, through all edges. */
async function life(app, directory, home, checks) {
  const visitor = new CurlVisitor(directory);
  const [second, third] = others(home);
  const login = await visitor.logIn(app.through(home), 'ada');
  checks.equal(`a login in ${home.name} is answered`, login.status, 303);
  await cookiesAreTheApps(`${home.name}: its Set-Cookie lines are the app's but for prefix and tag`, app, home, login, checks);

  let visits = 0;
  for (const edge of [home, second, third]) {
    const answer = await visitor.get(app.through(edge), '/whoami');
    const expected = { region: home.name, user: 'ada', visits: ++visits };
    checks.equal(`${home.name}: known through ${edge.name}`, answer.json(), expected);
    const { value } = parts(visitor.cookie(app.cookie));
    const saw = cookieIn((await app.saw(answer.mark)).cookie, app.cookie);
    checks.equal(`${home.name}: through ${edge.name} the app got its own value`, saw, value);
  }
  await headerIsKept(app, home, second, visitor, checks);

  const key = visitor.cookie(app.cookie);
  const logout = await visitor.post(app.through(second), '/logout');
  checks.equal(`${home.name}: a logout through ${second.name} is answered`, logout.status, 303);
  checks.equal(`${home.name}: its deletion is the app's, byte for byte`, logout.setCookies, (await app.saw(logout.mark)).set);
  checks.equal(`${home.name}: it takes the cookie away`, visitor.cookie(app.cookie), undefined);
  const replayed = await visitor.getWith(app.through(third), '/whoami', `${app.cookie}=${key}`);
  const gone = { region: home.name, user: null, visits: 1 };
  checks.equal(`${home.name}: the session is gone, even for who kept its key`, replayed.json(), gone);

  const again = await visitor.logIn(app.through(third), 'ada');
  await cookiesAreTheApps(`${home.name}: a login after that, through ${third.name}, is at home there`, app, third, again, checks);
  checks.that(`${home.name}: and has a key of its own`, visitor.cookie(app.cookie) !== key);
  const whoami = (await visitor.get(app.through(home), '/whoami')).json();
  checks.equal(`${home.name}: and is known here too`, whoami, { region: third.name, user: 'ada', visits: 1 });

  const before = visitor.cookie(app.cookie);
  const other = await visitor.logIn(app.through(home), 'eve');
  await cookiesAreTheApps(`${home.name}: a login over a session stays at its home`, app, third, other, checks);
  checks.that(`${home.name}: and gets a new key`, visitor.cookie(app.cookie) !== before);
  const eve = (await visitor.get(app.through(second), '/whoami')).json();
  checks.equal(`${home.name}: and is somebody else's`, eve, { region: third.name, user: 'eve', visits: 1 });
}

/** The app gets the whole header as it was, with nothing else changed in it, however it is written. */
async function headerIsKept(app, home, edge, visitor, checks) {
  const key = visitor.cookie(app.cookie);
  const written = [
    (value) => `a=1; ${app.cookie}=${value}; theme=dark; ${app.cookie}.sig=x; x${app.cookie}=east-2`,
    (value) => `${app.cookie}=${value};b="x-y";;c=d=e`,
  ];
  for (const header of written) {
    const answer = await visitor.getWith(app.through(edge), '/whoami', header(key));
    const saw = (await app.saw(answer.mark)).cookie;
    checks.equal(`${home.name}: nothing else changes in ${header('…')}`, saw, header(parts(key).value));
    checks.equal(`${home.name}: and the session is found in it`, answer.json().user, 'ada');
  }
}

/** A session whose home is not where the visitor arrives first, used often. */
async function fromAfar(app, directory, checks) {
  const visitor = new CurlVisitor(directory, FROM_TORONTO);
  const login = await visitor.logIn(app.through(WEST), 'zoe');
  await cookiesAreTheApps('a login from Toronto through us-west is at home in us-east', app, EAST, login, checks);
  const key = visitor.cookie(app.cookie);
  visitor.from = FROM_LOS_ANGELES;
  const expected = Array.from({ length: MANY }, (_, nth) => ({ region: 'us-east', user: 'zoe', visits: nth + 1 }));
  const got = [];
  for (let nth = 0; nth < MANY; nth++) {
    got.push((await visitor.get(app.through(REGIONS[nth % 3]), '/whoami')).json());
  }
  checks.equal(`${MANY} requests from Los Angeles through all edges find it, and all that they left in it`, got, expected);
  checks.equal('and the key is the same at the end', visitor.cookie(app.cookie), key);
}

/** Visitors of several regions at once do not meet. */
async function together(app, directory, checks) {
  const users = ['ada', 'bob', 'eve'];
  const visitors = REGIONS.map(() => new CurlVisitor(directory));
  await Promise.all(visitors.map((visitor, nth) => visitor.logIn(app.through(REGIONS[nth]), users[nth])));
  for (let round = 1; round <= 5; round++) {
    const ask = (visitor, nth) => visitor.get(app.through(REGIONS[(nth + round) % 3]), '/whoami');
    const got = (await Promise.all(visitors.map(ask))).map((answer) => answer.json());
    const expected = users.map((user, nth) => ({ region: REGIONS[nth].name, user, visits: round }));
    checks.equal(`visitors of three regions at the same time each have their own session, round ${round}`, got, expected);
  }
}

/** Whoever changes a key is a new visitor where he arrives. */
async function tampered(app, directory, checks) {
  const visitor = new CurlVisitor(directory);
  await visitor.logIn(app.through(EAST), 'ada');
  const stranger = new CurlVisitor(directory);
  await stranger.logIn(app.through(CENTRAL), 'bob');
  const { tag, value } = parts(visitor.cookie(app.cookie));
  const bobs = parts(stranger.cookie(app.cookie));
  const variants = {
    'the prefix of another region': `west-${tag}-${value}`,
    'the prefix of no region': `north-${tag}-${value}`,
    'a prefix in capitals': `EAST-${tag}-${value}`,
    'another first letter of the tag': `east-${flipped(tag, 0)}-${value}`,
    'another last letter of the tag': `east-${flipped(tag, 21)}-${value}`,
    'a last letter whose difference no bit of the tag shows': `east-${tag.slice(0, -1)}${twin(tag[21])}-${value}`,
    "the tag of somebody else's": `east-${bobs.tag}-${value}`,
    "somebody else's value": `east-${tag}-${bobs.value}`,
    'another letter in the value': `east-${tag}-${flipped(value, 5)}`,
    'more value': `east-${tag}-${value}x`,
    'less value': `east-${tag}-${value.slice(0, -1)}`,
    'no value': `east-${tag}-`,
    'no tag': `east-${value}`,
    'nothing but the prefix': 'east-',
    'nothing at all': '',
    'a key in a key': `east-${tag}-east-${tag}-${value}`,
    'its dashes encoded': `east%2D${tag}%2D${value}`,
    'bytes that are no letters': `east-${tag}-${value}\u00e9`,
    '4,000 letters': `east-${tag}-${'x'.repeat(4000)}`,
  };
  for (const [change, key] of Object.entries(variants)) {
    const [got, saw] = [[], []];
    for (const edge of REGIONS) {
      const answer = await visitor.getWith(app.through(edge), '/whoami', `${app.cookie}=${key}`);
      got.push(answer.json());
      saw.push(cookieIn((await app.saw(answer.mark)).cookie, app.cookie));
    }
    const expected = REGIONS.map((edge) => ({ region: edge.name, user: null, visits: 1 }));
    checks.equal(`a new visitor, through each edge: ${change}`, got, expected);
    // A value that is none of the edge's keys is the app's business, as a session's is that began before the edge was there.
    const asItCame = Buffer.from(key).toString('latin1');
    checks.equal(`and the app got it as it came: ${change}`, saw, [asItCame, asItCame, asItCame]);
  }
  const afterwards = (await visitor.get(app.through(WEST), '/whoami')).json();
  checks.equal('the session itself took no harm', afterwards, { region: 'us-east', user: 'ada', visits: 1 });
  await tamperedJar(app, visitor, checks);
}

/** A session that began before the edge was there: known where its visitor belongs, and from then on everywhere. */
async function older(app, directory, checks) {
  const visitor = new CurlVisitor(directory);
  await visitor.logIn(app.direct(EAST), 'ada');
  const first = await visitor.get(app.through(EAST), '/whoami');
  const known = { region: 'us-east', user: 'ada', visits: 1 };
  checks.equal('a login from before the edge is known in its region', first.json(), known);
  await cookiesAreTheApps('its cookie gets prefix and tag when the app sets it again', app, EAST, first, checks);
  const next = (await visitor.get(app.through(WEST), '/whoami')).json();
  checks.equal('and is known everywhere from then on', next, { region: 'us-east', user: 'ada', visits: 2 });
}

/** A browser that holds a tampered key gets a good one instead of it. */
async function tamperedJar(app, visitor, checks) {
  const { value } = parts(visitor.cookie(app.cookie));
  visitor.replace(app.cookie, (key) => key.replace('east-', 'central-'));
  const first = await visitor.get(app.through(WEST), '/whoami');
  checks.equal('a jar with a tampered key: a new visitor', first.json(), { region: 'us-west', user: null, visits: 1 });
  await cookiesAreTheApps('who gets a good key', app, WEST, first, checks);
  checks.that('of another session', parts(visitor.cookie(app.cookie)).value !== value);
  const next = await visitor.get(app.through(EAST), '/whoami');
  checks.equal('which is found from then on', next.json(), { region: 'us-west', user: null, visits: 2 });
}

/** A region whose sessions must leave: who is there logs in again elsewhere, and stays there. */
async function drained(app, fleet, checks) {
  const visitor = new CurlVisitor(fleet.directory);
  await visitor.logIn(app.through(EAST), 'ada');
  await visitor.get(app.through(EAST), '/whoami');
  await fleet.adopt({ drains: 'drains:\n  - {region: us-east, sessions: move, reason: a test}\n' });
  const orphan = (await visitor.get(app.through(EAST), '/whoami')).json();
  const unknown = { region: 'us-central', user: null, visits: 1 };
  checks.equal('while us-east is drained, us-central does not know its sessions', orphan, unknown);
  const login = await visitor.logIn(app.through(EAST), 'ada');
  await cookiesAreTheApps('who logs in again is at home there', app, CENTRAL, login, checks);
  await fleet.adopt({});
  const later = (await visitor.get(app.through(EAST), '/whoami')).json();
  checks.equal('and stays there after the drain', later, { region: 'us-central', user: 'ada', visits: 1 });
}

/**
 * The key that signs is exchanged for another one, and nobody has to log in again: first all edges believe the new one, then
 * they sign with it, then the old one goes.
 */
async function keysExchanged(app, fleet, checks) {
  const visitor = new CurlVisitor(fleet.directory);
  await visitor.logIn(app.through(EAST), 'ada');
  const before = visitor.cookie(app.cookie);
  const users = new Set();
  const round = async () => {
    for (const edge of REGIONS) users.add((await visitor.get(app.through(edge), '/whoami')).json().user);
  };
  const [old, young] = [fleet.keys[0], newKey()];
  for (const keys of [[old, young], [young, old], [young]]) {
    let isLive = false;
    const untilLive = async () => {
      while (!isLive) await round();
      await round();
    };
    await Promise.all([fleet.signWith(keys).finally(() => (isLive = true)), untilLive()]);
  }
  checks.equal('while the key is exchanged, the session is always known', [...users], ['ada']);
  const after = parts(visitor.cookie(app.cookie));
  checks.equal('it has a new tag in front of the same value', { ...after, tag: '' }, { ...parts(before), tag: '' });
  checks.that('which is another one', after.tag !== parts(before).tag);
  const late = await visitor.getWith(app.through(EAST), '/whoami', `${app.cookie}=${before}`);
  checks.equal('who comes with a key of before is a new visitor', late.json(), { region: 'us-east', user: null, visits: 1 });
}

/** The lines that the client got are those that the app wrote, and the session's has `home`'s prefix and a tag. */
async function cookiesAreTheApps(claim, app, home, answer, checks) {
  const { set } = await app.saw(answer.mark);
  const got = answer.setCookies.map((line) => asTheAppSetIt(line, app.cookie, home));
  const hasSession = set.some((line) => line.startsWith(`${app.cookie}=`));
  checks.that(claim, hasSession && JSON.stringify(got) === JSON.stringify(set), JSON.stringify([answer.setCookies, set]));
}

const names = (answer) => answer.setCookies.map((line) => line.split('=')[0]).sort();

function flipped(text, at) {
  return text.slice(0, at) + (text[at] === 'A' ? 'B' : 'A') + text.slice(at + 1);
}

/** The letter that stands for the same bits but the last one: 22 letters are 132 bits, and the tag has 128. */
function twin(letter) {
  const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  return letters[letters.indexOf(letter) ^ 1];
}

module.exports = { direct, life, fromAfar, together, older, tampered, drained, keysExchanged };
