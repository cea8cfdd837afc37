#!/usr/bin/env node
// Derives src/geo/countries.rs: code, continent and centre of every country. How to run it: geoip/README.md.
//
//   node geoip/derive-countries.mjs COUNTRIES_10M_JSON CODES_JSON > src/geo/countries.rs
//
// COUNTRIES_10M_JSON  countries-10m.json of the npm package world-atlas: Natural Earth's borders (public domain).
// CODES_JSON          codes.json of the npm package i18n-iso-countries: only to turn numeric codes into letters.
//
// A centre is the middle of a country's main land: of all its polygons that have at least a quarter of the area of
// its largest one, on the sphere. So France's is in France (not drawn toward Guiana), Indonesia's amid its islands.
import { readFileSync } from 'node:fs';

const [atlasFile, codesFile] = process.argv.slice(2);
if (!codesFile) {
  console.error('usage: node derive-countries.mjs COUNTRIES_10M_JSON CODES_JSON > src/geo/countries.rs');
  process.exit(2);
}
const atlas = JSON.parse(readFileSync(atlasFile, 'utf8'));
const codes = JSON.parse(readFileSync(codesFile, 'utf8'));

// Plain facts, by the custom of geolocation databases: a country that spans two continents is put where they put it.
const CONTINENTS = {
  Africa: `AO BF BI BJ BW CD CF CG CI CM CV DJ DZ EG EH ER ET GA GH GM GN GQ GW KE KM LR LS LY MA MG ML MR MU MW MZ NA
    NE NG RE RW SC SD SH SL SN SO SS ST SZ TD TG TN TZ UG YT ZA ZM ZW`,
  Antarctica: 'AQ BV GS HM TF',
  Asia: `AE AF AM AZ BD BH BN BT CC CN CX GE HK ID IL IN IO IQ IR JO JP KG KH KP KR KW KZ LA LB LK MM MN MO MV MY NP OM
    PH PK PS QA SA SG SY TH TJ TM TR TW UZ VN YE`,
  Europe: `AD AL AT AX BA BE BG BY CH CY CZ DE DK EE ES FI FO FR GB GG GI GR HR HU IE IM IS IT JE LI LT LU LV MC MD ME
    MK MT NL NO PL PT RO RS RU SE SI SJ SK SM UA VA XK`,
  NorthAmerica: `AG AI AW BB BL BM BQ BS BZ CA CR CU CW DM DO GD GL GP GT HN HT JM KN KY LC MF MQ MS MX NI PA PM PR SV
    SX TC TT US VC VG VI`,
  Oceania: 'AS AU CK FJ FM GU KI MH MP NC NF NR NU NZ PF PG PN PW SB TK TL TO TV UM VU WF WS',
  SouthAmerica: 'AR BO BR CL CO EC FK GF GY PE PY SR UY VE',
};

// Natural Earth draws these with the country that they belong to, or names them without a code: which of its shapes
// they are, by a box of [south, west, north, east] degrees.
const PARTS = {
  BQ: ['Netherlands', [11, -70, 19, -62]],
  BV: ['Norway', [-56, 0, -52, 6]],
  CC: ['Indian Ocean Ter.', [-13, 96, -11, 98]],
  CX: ['Indian Ocean Ter.', [-11, 105, -10, 106]],
  GF: ['France', [2, -55, 6, -51]],
  GP: ['France', [15.7, -62, 16.6, -60.9]],
  MQ: ['France', [14.3, -61.4, 15, -60.7]],
  RE: ['France', [-22, 55, -20, 56]],
  SJ: ['Norway', [74, 5, 82, 36]],
  XK: ['Kosovo', [-90, -180, 90, 180]],
  YT: ['France', [-13.2, 44.9, -12.5, 45.4]],
};
// Too small for the shapes: Tokelau's atolls, from the mean of their published positions.
const BY_HAND = { TK: [-9.0, -171.85] };

const { scale, translate } = atlas.transform;
const arcs = atlas.arcs.map((arc) => {
  let x = 0;
  let y = 0;
  return arc.map(([dx, dy]) => [(x += dx) * scale[0] + translate[0], (y += dy) * scale[1] + translate[1]]);
});
const ring = (indices) =>
  indices.flatMap((i, n) => (i < 0 ? [...arcs[~i]].reverse() : arcs[i]).slice(n === 0 ? 0 : 1));
const polygonsOf = (shape) =>
  shape.type === 'Polygon' ? [shape.arcs] : shape.type === 'MultiPolygon' ? shape.arcs : [];

const unit = ([longitude, latitude]) => {
  const [l, p] = [(longitude * Math.PI) / 180, (latitude * Math.PI) / 180];
  return [Math.cos(p) * Math.cos(l), Math.cos(p) * Math.sin(l), Math.sin(p)];
};
const cross = (a, b) => [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];
const dot = (a, b) => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
const length = (a) => Math.sqrt(dot(a, a));
const sum = (vectors) => vectors.reduce((a, b) => [a[0] + b[0], a[1] + b[1], a[2] + b[2]], [0, 0, 0]);

// The integral of position over a polygon of the sphere: it points at the middle, and is as long as the area is large.
function moment(indices) {
  const points = ring(indices[0]).map(unit); // the outer ring; holes hardly move a middle
  const edges = points.map((a, i) => {
    const b = points[(i + 1) % points.length];
    const normal = cross(a, b);
    const size = length(normal);
    if (size < 1e-15) return [0, 0, 0];
    const half = Math.atan2(size, dot(a, b)) / 2 / size;
    return normal.map((part) => part * half);
  });
  const total = sum(edges);
  return dot(total, sum(points)) < 0 ? total.map((part) => -part) : total;
}

const degrees = (v) => [
  (Math.atan2(v[2], Math.hypot(v[0], v[1])) * 180) / Math.PI,
  (Math.atan2(v[1], v[0]) * 180) / Math.PI,
];

function centre(polygons) {
  const moments = polygons.map(moment);
  const largest = Math.max(...moments.map(length));
  return degrees(sum(moments.filter((m) => length(m) * 4 >= largest)));
}

const shapes = atlas.objects.countries.geometries;
const within = (polygon, [south, west, north, east]) => {
  const [latitude, longitude] = degrees(moment(polygon));
  return latitude >= south && latitude <= north && longitude >= west && longitude <= east;
};
const continentOf = new Map(
  Object.entries(CONTINENTS).flatMap(([continent, list]) => list.split(/\s+/).map((code) => [code, continent])),
);

const rows = codes.map(([alpha2, , numeric]) => {
  const continent = continentOf.get(alpha2);
  if (!continent) throw new Error(`${alpha2} stands under no continent`);
  if (BY_HAND[alpha2]) return [alpha2, continent, ...BY_HAND[alpha2]];
  const part = PARTS[alpha2];
  const polygons = shapes
    .filter((shape) => (part ? shape.properties.name === part[0] : shape.id === numeric))
    .flatMap(polygonsOf)
    .filter((polygon) => !part || within(polygon, part[1]));
  if (polygons.length === 0) throw new Error(`${alpha2} has no shape`);
  return [alpha2, continent, ...centre(polygons)];
});
rows.sort(([a], [b]) => (a < b ? -1 : 1));
if (rows.length !== continentOf.size) throw new Error('a continent lists a code that is no country');

console.log(`//! Every country of ISO 3166-1, and Kosovo (\`XK\`): its continent and its centre in degrees.
//!
//! Written by \`geoip/derive-countries.mjs\` from Natural Earth's borders; do not edit. See \`geoip/NOTICE\`.

use crate::model::Continent::{self, Africa, Antarctica, Asia, Europe, NorthAmerica, Oceania, SouthAmerica};

/// Code, continent, latitude, longitude; in the order of the codes.
#[rustfmt::skip]
pub(super) const COUNTRIES: [([u8; 2], Continent, f64, f64); ${rows.length}] = [`);
for (const [code, continent, latitude, longitude] of rows) {
  console.log(`    (*b"${code}", ${continent}, ${latitude.toFixed(2)}, ${longitude.toFixed(2)}),`);
}
console.log('];');
