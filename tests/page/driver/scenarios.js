// What the status page has to show, and what it must not do.

'use strict';

const { StatusPage } = require('./page');
const { REGIONS, OPERATE, READ, SCRIPT } = require('./world');
const { eventually } = require('../../apps/driver/processes');

const LOOKS = [
  ['light', {}],
  ['dark', { scheme: 'dark' }],
  ['phone', { width: 360, height: 740 }],
  ['phone-dark', { width: 360, height: 740, scheme: 'dark' }],
];

const words = /(\d+\.\d|\d+) requests\/s/;

async function liveNumbers(browser, world, checks) {
  const page = await StatusPage.open(browser, world.admin);
  await page.page.evaluate(() => (window.isTheSamePage = true));
  await page.says('#connection', /^live$/);
  await page.says('#summary', /All is well: 3 regions serving/);
  const first = (await page.text('#summary')).match(/clock (\S+)/)[1];
  const path = await page.page.$eval('#region-us-east .requests-line', (line) => line.getAttribute('d'));
  await page.says('#summary', new RegExp(`clock (?!${first})`));
  checks.that('the clock goes on', true);
  await eventually('another line', async () => (await page.page.$eval('#region-us-east .requests-line', (line) => line.getAttribute('d'))) !== path);
  checks.that('so do the pictures', true);
  checks.that('requests are counted', Number((await page.text('#summary')).match(words)[1]) > 10);
  checks.that('flops are shown', /[1-9]/.test(await page.text('#matrix td.flop')));
  checks.that('nothing was loaded anew', await page.page.evaluate(() => window.isTheSamePage));
  await page.page.focus('[data-drain="us-west"]');
  await new Promise((resolve) => setTimeout(resolve, 2500));
  const focused = await page.page.evaluate(() => document.activeElement?.dataset.drain);
  checks.equal('what has the focus keeps it', focused, 'us-west');
  checks.equal('the browser complains of nothing', page.complaints, []);
  checks.equal('nobody else is asked for anything', [...page.asked], [world.admin]);
  await page.close();
}

async function withoutScripts(browser, world, checks) {
  const page = await StatusPage.open(browser, world.admin, { scripts: false });
  const text = await page.text('body');
  for (const { name } of REGIONS) checks.that(`${name} is there`, text.includes(name));
  checks.that('with its figures', words.test(text) && /servers healthy/.test(text));
  const buttons = await page.page.$$eval('button', (all) => all.filter((button) => button.checkVisibility()).length);
  checks.equal('there is no button that would do nothing', buttons, 0);
  const refresh = await page.page.$eval('meta[http-equiv=refresh]', (meta) => meta.content);
  checks.equal('it is read anew by itself', refresh, '5');
  await page.picture('without-scripts');
  await page.close();
}

/** Everything by keyboard alone, and a wrong token first. */
async function drain(browser, world, checks) {
  const page = await StatusPage.open(browser, world.admin);
  const { keyboard } = page.page;
  await page.says('#connection', /^live$/);
  await page.tabTo('[data-drain="us-west"]');
  await keyboard.press('Enter');
  checks.equal('the first field has the focus', await page.page.evaluate(() => document.activeElement.name), 'reason');
  await page.type('INC-481 power loss in us-west');
  await page.tabTo('[name=by]');
  await page.type('oncall');
  await page.tabTo('[name=sessions]');
  await keyboard.press('ArrowDown');
  await page.tabTo('[name=token]');
  await page.type('homeward_wrong');
  await keyboard.press('Enter');
  const refused = await page.says('#drain-form .answer', /\S/);
  checks.that('a wrong token is refused in words', /not one of this edge/.test(refused), refused);
  await page.page.focus('#drain-form [name=token]');
  await page.type(READ);
  await keyboard.press('Enter');
  const role = await page.says('#drain-form .answer', /may not do that/);
  checks.that('so is one that may only read', /operate/.test(role), role);
  checks.equal('nothing was done', (await world.status()).drains.length, 0);

  await page.page.focus('#drain-form [name=token]');
  await page.type(OPERATE);
  await keyboard.press('Enter');
  const preview = await page.says('#drain-form .answer', /would be left 0% of its visitors/);
  checks.that('the preview says what would be', /us-west/.test(preview) && /sessions move/.test(preview), preview);
  const tables = await page.page.$$eval('#drain-form .answer table', (all) => all.map((one) => one.innerText.replace(/\s+/g, ' ')));
  checks.that('what would move is a matrix', /us-west → us-central \d/.test(tables[0]), tables[0]);
  checks.that('what each region would get stands against its capacity', /us-central \S+ \S+ 30\.0 ✓ fits/.test(tables[1]), tables[1]);
  checks.equal('and does nothing', (await world.status()).drains.length, 0);
  checks.equal('axe-core finds nothing in the dialog', await page.violations(), []);
  await page.picture('dialog');
  await page.tabTo('#drain-form [value=apply]');
  await keyboard.press('Enter');
  await world.until('a drain', (status) => status.drains[0]?.in_force);
  checks.that('then it is drained', true);
  await page.says('#region-us-west', /drained/);
  await page.says('#drains', /INC-481 power loss in us-west[\s\S]*by oncall/);
  const focused = await eventually('the focus', () => page.page.evaluate(() => document.activeElement?.dataset.undrain));
  checks.equal('the focus is where it was, and now ends the drain', focused, 'us-west');
  checks.equal('the token is kept nowhere but in this tab', await page.page.evaluate(() => [localStorage.length, document.cookie]), [0, '']);
  await page.close();
}

/** The three remainders go to zero, and the page says when. */
async function remainders(browser, world, checks) {
  const page = await StatusPage.open(browser, world.admin);
  await page.says('#drains .remainder', /1\s+open streams|open streams\s+1/);
  checks.that('an open stream is left', true);
  await page.picture('drained-with-a-stream');
  world.held.request.destroy();
  await page.says('#drains .remainder', /empty since \d\d:\d\d:\d\d UTC/);
  checks.that('and when it is gone, the region is empty', true);
  for (const [name, look] of LOOKS) {
    const looked = await StatusPage.open(browser, world.admin, look);
    await looked.says('#connection', /^live$/);
    await looked.picture(`drained-${name}`);
    await looked.close();
  }
  await page.close();
}

async function undrain(browser, world, checks) {
  const page = await StatusPage.open(browser, world.admin);
  await page.says('#connection', /^live$/);
  await page.page.click('[data-undrain="us-west"]');
  await page.page.type('#undrain-form [name=token]', OPERATE);
  await page.page.click('#undrain-form [value=preview]');
  await page.says('#undrain-form .answer', /gets everything again at once/);
  await page.page.click('#undrain-form [value=apply]');
  await world.until('no drain', (status) => !status.drains.some((drain) => drain.in_force));
  await page.says('#summary', /All is well/);
  checks.that('it is taken off again', true);
  await page.close();
}

async function looks(browser, world, checks, name, pattern) {
  for (const [look, options] of LOOKS) {
    const page = await StatusPage.open(browser, world.admin, options);
    await page.says('#connection', /^live$/);
    await page.says('#summary', pattern);
    await page.picture(`${name}-${look}`);
    checks.that(`${look}: nothing sticks out`, (await page.overflow()) <= 0, `${await page.overflow()} px`);
    checks.equal(`${look}: axe-core finds nothing`, await page.violations(), []);
    await page.close();
  }
}

/** What clients send and operators write is text. */
async function injected(browser, world, checks) {
  await world.ask(`/${encodeURIComponent(SCRIPT)}`, '127.10.0.1', { Cookie: `sid=east-${SCRIPT}`, 'X-Request-Id': SCRIPT });
  await world.ask('/', '127.10.0.1', { Host: SCRIPT.replaceAll(' ', ''), 'User-Agent': SCRIPT, Referer: SCRIPT });
  world.save(world.table(`drains:\n  - {region: us-west, share: 50%, by: '${SCRIPT}', reason: 'because ${SCRIPT}'}\n`));
  await world.until('a drain', (status) => status.drains.length === 1);
  world.save(world.table(`# ${SCRIPT}\nnonsense: '${SCRIPT}'\n`));
  await world.until('a problem', (status) => status.table.problem);
  const page = await StatusPage.open(browser, world.admin);
  await page.says('#connection', /^live$/);
  await page.says('#table', /is refused/);
  checks.that('a reason is text', (await page.text('#drains')).includes(`because ${SCRIPT}`));
  checks.that('so is an owner', (await page.text('#drains')).includes(`by ${SCRIPT}`));
  checks.that('so is the table in its snippet', (await page.text('#table pre')).includes('<script>'));
  const scripts = await page.page.$$eval('body script, body img', (all) => all.length);
  checks.equal('none of it has become an element', scripts, 0);
  checks.equal('the title is ours', await page.page.title(), 'us-west · Homeward');
  checks.equal('the browser complains of nothing', page.complaints, []);
  await page.close();
}

/** For those who need a token to read. */
async function signIn(browser, world, checks) {
  const page = await StatusPage.open(browser, world.admin);
  const before = await page.text('body');
  checks.that('nothing is told before a token is', !before.includes('us-central') && /asks for a token/.test(before), before);
  checks.equal('axe-core finds nothing', await page.violations(), []);
  await page.picture('sign-in');
  await page.page.type('[name=token]', 'homeward_wrong');
  await page.page.keyboard.press('Enter');
  await page.says('.answer', /none of those/);
  await page.page.click('[name=token]', { count: 3 });
  await page.type(READ);
  await page.page.keyboard.press('Enter');
  await page.says('#summary', /3 regions serving/);
  await page.says('#connection', /^live$/);
  checks.that('with a token it is the whole page, and live', true);
  checks.that('and the token is in no address', !page.page.url().includes('homeward_'));
  await page.page.reload();
  await page.says('#summary', /3 regions serving/);
  checks.that('it need not be said again in this tab', true);
  await page.close();
}

module.exports = { liveNumbers, withoutScripts, drain, remainders, undrain, looks, injected, signIn };
