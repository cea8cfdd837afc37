// Three regions: an edge in each, and in each an instance of every app.

'use strict';

const crypto = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const { Process, eventually } = require('./processes');

const REGIONS = [
  { name: 'us-east', prefix: 'east', location: '{latitude: 39.04, longitude: -77.49}' },
  { name: 'us-central', prefix: 'central', location: '{latitude: 41.26, longitude: -95.86}' },
  { name: 'us-west', prefix: 'west', location: '{latitude: 45.6, longitude: -121.18}' },
];

const SOURCES = path.dirname(__dirname);
const APPS = [
  { name: 'express', cookie: 'connect.sid', command: [process.execPath, `${SOURCES}/express/app.js`] },
  { name: 'flask', cookie: 'session', command: [process.env.PYTHON, `${SOURCES}/flask/app.py`] },
  { name: 'axum', cookie: 'id', command: [process.env.AXUM_APP] },
];

/** One app in one region, as a process that says what it saw. */
class Instance {
  /** A line for each request, in their order. */
  seen = [];
  /** All values that it ever gave to its session cookie. */
  given = new Set();

  constructor(app, region, directory) {
    this.region = region;
    const [command, ...args] = app.command;
    const sessions = path.join(directory, `${app.name}-${region.name}`);
    const env = { ...process.env, REGION: region.name, SESSIONS: sessions, PYTHONDONTWRITEBYTECODE: '1' };
    this.process = new Process(`${app.name} of ${region.name}`, command, args, { env, cwd: directory });
    this.process.onLine((line) => {
      if (!line.startsWith('{')) return;
      const entry = JSON.parse(line);
      if (!entry.url) return;
      this.seen.push(entry);
      entry.set.forEach((set) => this.given.add(cookieIn(set.split(';')[0], app.cookie)));
    });
  }

  async ready() {
    this.port = Number((await this.process.said(/"port": *(\d+)/))[1]);
  }
}

/** An app in all regions. */
class App {
  constructor(kind, directory) {
    Object.assign(this, kind);
    this.instances = REGIONS.map((region) => new Instance(this, region, directory));
  }

  /** The instance in a region. */
  in(region) {
    return this.instances.find((instance) => instance.region === region);
  }

  /** Where the instance of a region itself is. */
  direct(region) {
    return `http://${this.name}.localhost:${this.in(region).port}`;
  }

  /** Where the edge of a region is. */
  through(region) {
    return `http://${this.name}.localhost:${this.edges.find((edge) => edge.region === region).port}`;
  }

  /** What it saw of the request whose target ends with `mark`. */
  async saw(mark) {
    const find = () => this.instances.flatMap((instance) => instance.seen).find((entry) => entry.url.endsWith(mark));
    return eventually(`${mark} at ${this.name}`, find);
  }
}

/** The edge of one region. */
class Edge {
  constructor(region, directory) {
    this.region = region;
    this.directory = path.join(directory, `edge-${region.name}`);
    fs.mkdirSync(this.directory);
    fs.writeFileSync(
      path.join(this.directory, 'homeward.yaml'),
      `version: 1
region: ${region.name}
listen: [{address: "127.0.0.1:0"}]
geoip: {database: ../places.mmdb}
routing: {file: ../routing.yaml}
hop: {key_file: ../hop.keys}
admin: {address: "127.0.0.1:0"}
state: state
access_log: {file: access.log}
threads: 2
`,
    );
    const args = ['run', '--config', 'homeward.yaml'];
    this.process = new Process(`edge of ${region.name}`, process.env.HOMEWARD, args, { cwd: this.directory });
  }

  async ready() {
    this.port = Number((await this.process.said(/serves on 127\.0\.0\.1:(\d+)/))[1]);
    this.admin = (await this.process.said(/admin address is (http:\S+)/))[1];
    await eventually(`a ready edge of ${this.region.name}`, async () => (await fetch(`${this.admin}/readyz`)).ok);
  }

  /** How often it took a table, or the keys that one names. */
  tables() {
    return this.process.lines.filter((line) => /table \S+ is live/.test(line)).length;
  }

  /** What it wrote of each request. */
  log() {
    const lines = fs.readFileSync(path.join(this.directory, 'access.log'), 'utf8').split('\n');
    return lines.slice(0, -1).map((line) => JSON.parse(line)); // the last one may not be whole yet
  }

  /** The revision of the table that is live. */
  async revision() {
    return (await (await fetch(`${this.admin}/api/v1/status`)).json()).table.revision;
  }
}

/** All of it, with its files in `directory`. */
class Fleet {
  constructor(directory) {
    this.directory = directory;
    this.apps = APPS.map((kind) => new App(kind, directory));
  }

  /** Waits for the apps, then starts the edges. */
  async start() {
    await Promise.all(this.apps.flatMap((app) => app.instances).map((instance) => instance.ready()));
    this.#writeKeys([newKey()]);
    this.#save('hop.keys', newKey());
    fs.copyFileSync(process.env.PLACES, this.#file('places.mmdb'));
    this.#writeTable({});
    this.edges = REGIONS.map((region) => new Edge(region, this.directory));
    this.apps.forEach((app) => (app.edges = this.edges));
    await Promise.all(this.edges.map((edge) => edge.ready()));
  }

  /** Saves the table, with drains or with hops from edge to edge, and waits until every edge has it. */
  async adopt(changes) {
    const before = await this.edges[0].revision();
    this.#writeTable(changes);
    const live = async () => (await Promise.all(this.edges.map((edge) => edge.revision()))).every((r) => r !== before);
    await eventually('a new table', live);
  }

  /** Gives the edges these keys, of which the first signs and all are good, and waits until every edge has them. */
  async signWith(keys) {
    const before = this.edges.map((edge) => edge.tables());
    this.#writeKeys(keys);
    await eventually('new keys', () => this.edges.every((edge, nth) => edge.tables() > before[nth]));
  }

  #writeKeys(keys) {
    this.keys = keys;
    this.#save('session.keys', keys.map((key) => `${key}\n`).join(''));
  }

  #writeTable({ drains = '', hops = false }) {
    const regions = REGIONS.map(({ name, prefix, location }, nth) => {
      const edge = hops ? `, edge: "http://127.0.0.1:${this.edges[nth].port}"` : '';
      return `  ${name}: {session_prefix: ${prefix}, location: ${location}${edge}}\n`;
    });
    const services = this.apps.map((app) => {
      const pools = app.instances.map((instance) => `      ${instance.region.name}: ["127.0.0.1:${instance.port}"]\n`);
      return `  ${app.name}:
    hosts: [${app.name}.localhost]
    session: {cookie: ${app.cookie}, minted_by: edge, key_file: ../session.keys}
    pools:
${pools.join('')}`;
    });
    const text = `version: 1
regions:
${regions.join('')}homes:
  - subdivisions: [US-CA, US-OR, US-WA]
    region: us-west
  - countries: [US, CA, MX]
    nearest: [us-east, us-central]
  - otherwise: nearest
services:
${services.join('')}${drains}`;
    this.#save('routing.yaml', text);
  }

  /** Writes beside and renames, so that nobody ever reads a half. */
  #save(name, text) {
    fs.writeFileSync(this.#file(`${name}.new`), text, { mode: 0o600 });
    fs.renameSync(this.#file(`${name}.new`), this.#file(name));
  }

  #file(name) {
    return path.join(this.directory, name);
  }
}

/** A key to sign with. */
function newKey() {
  return crypto.randomBytes(32).toString('hex');
}

/** The value of a cookie in a `Cookie` header or a pair; `undefined` where it is not there. */
function cookieIn(header, name) {
  const pairs = (header ?? '').split(';').map((pair) => pair.trim());
  return pairs.find((pair) => pair.startsWith(`${name}=`))?.slice(name.length + 1);
}

module.exports = { REGIONS, Fleet, newKey, cookieIn };
