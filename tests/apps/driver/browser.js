// A visitor with Chromium.

'use strict';

const path = require('node:path');
const puppeteer = require('puppeteer-core');

/** Starts a browser that finds `*.localhost` and nothing else, with its files in `directory`. */
function launch(directory) {
  return puppeteer.launch({
    executablePath: process.env.CHROMIUM,
    userDataDir: path.join(directory, 'chromium'),
    args: [
      '--no-sandbox', // as root there is none
      '--disable-dev-shm-usage',
      '--disable-gpu',
      '--no-proxy-server',
      '--host-resolver-rules=MAP *.localhost 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1',
    ],
    timeout: 60_000,
  });
}

/** One with cookies of its own. */
class BrowserVisitor {
  static async of(browser) {
    const visitor = new BrowserVisitor();
    visitor.context = await browser.createBrowserContext();
    visitor.page = await visitor.context.newPage();
    visitor.page.setDefaultTimeout(20_000);
    visitor.protocol = await visitor.page.createCDPSession();
    return visitor;
  }

  /** Types a name into the form of the first page, and clicks. */
  async logIn(origin, user) {
    await this.page.goto(`${origin}/`);
    await this.page.type('input[name=user]', user);
    await this.#click();
  }

  async logOut(origin) {
    await this.page.goto(`${origin}/`);
    await this.#click();
  }

  /** What the page shows. */
  async whoami(origin) {
    await this.page.goto(`${origin}/whoami`);
    const text = await this.page.evaluate(() => document.body.innerText);
    try {
      return JSON.parse(text);
    } catch {
      return text;
    }
  }

  /** All cookies, as the browser keeps them. */
  async cookies() {
    return (await this.protocol.send('Network.getAllCookies')).cookies;
  }

  async cookie(name) {
    return (await this.cookies()).find((cookie) => cookie.name === name);
  }

  /** Changes the value of a cookie, and nothing else of it. */
  async replace(name, change) {
    const { value, domain, path, httpOnly, sameSite, expires } = await this.cookie(name);
    const replaced = { name, value: change(value), path, httpOnly, sameSite, expires };
    await this.protocol.send('Network.setCookie', { ...replaced, url: `http://${domain}/` });
  }

  /** What a script of the page can see of the cookies. */
  scriptCookies() {
    return this.page.evaluate(() => document.cookie);
  }

  async close() {
    await this.context.close();
  }

  async #click() {
    await Promise.all([this.page.waitForNavigation(), this.page.click('button')]);
  }
}

module.exports = { launch, BrowserVisitor };
