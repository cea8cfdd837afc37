// The status page as somebody has it before them.

'use strict';

const fs = require('node:fs');
const path = require('node:path');
const { eventually } = require('../../apps/driver/processes');

const AXE = fs.readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');

class StatusPage {
  /** What the browser complained of. */
  complaints = [];
  /** Where it asked for anything. */
  asked = new Set();

  static async open(browser, address, { width = 1280, height = 900, scheme = 'light', scripts = true } = {}) {
    const made = new StatusPage();
    made.context = await browser.createBrowserContext();
    const page = (made.page = await made.context.newPage());
    page.setDefaultTimeout(20_000);
    await page.setJavaScriptEnabled(scripts);
    await page.setViewport({ width, height });
    await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: scheme }]);
    page.on('console', (message) => made.complaints.push(message.text()));
    page.on('pageerror', (error) => made.complaints.push(error.message));
    page.on('dialog', async (dialog) => {
      made.complaints.push(`a dialog: ${dialog.message()}`);
      await dialog.dismiss();
    });
    page.on('request', (request) => made.asked.add(new URL(request.url()).origin));
    await page.goto(address);
    return made;
  }

  text(selector) {
    return this.page.$eval(selector, (element) => element.innerText);
  }

  /** Waits until the text of an element matches. */
  async says(selector, pattern) {
    return eventually(`${selector} to say ${pattern}`, async () => {
      const text = await this.page.$eval(selector, (element) => element.innerText).catch(() => '');
      return pattern.test(text) && text;
    });
  }

  async picture(name) {
    fs.mkdirSync(process.env.PICTURES, { recursive: true });
    await this.page.screenshot({ path: path.join(process.env.PICTURES, `${name}.png`), fullPage: true });
  }

  /** How much wider the page is than its window. */
  overflow() {
    return this.page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
  }

  /** What axe-core finds, in words. The script is put in from outside: the page itself lets none in. */
  async violations() {
    await this.page.evaluate(AXE);
    const { violations } = await this.page.evaluate(() => axe.run(document, { resultTypes: ['violations'] }));
    return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html, failureSummary }) => `${html} ${failureSummary}`).join(' | ')}`);
  }

  /** Goes on with Tab until what has the focus matches. */
  async tabTo(selector) {
    for (let count = 0; count < 60; count += 1) {
      await this.page.keyboard.press('Tab');
      if (await this.page.evaluate((wanted) => document.activeElement?.matches(wanted), selector)) return;
    }
    throw new Error(`Tab never comes to ${selector}`);
  }

  /** Types over what is in the field that has the focus. */
  async type(text) {
    await this.page.keyboard.down('Control');
    await this.page.keyboard.press('a');
    await this.page.keyboard.up('Control');
    await this.page.keyboard.type(text);
  }

  close() {
    return this.context.close();
  }
}

module.exports = { StatusPage };
