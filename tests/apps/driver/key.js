// What the edge makes of an app's own value: `<prefix>-<tag>-<value>`.

'use strict';

const FORM = /^([a-z]+)-([A-Za-z0-9_-]{22})-(.+)$/s;

/** A session key in its parts; throws where it is none. */
function parts(key) {
  const match = key?.match(FORM);
  if (!match) throw new Error(`no session key: ${key}`);
  const [, prefix, tag, value] = match;
  return { prefix, tag, value };
}

/**
 * A `Set-Cookie` line as the app must have written it: the prefix of `region` and the tag taken out of the session's. What has
 * no such key comes back as it is.
 */
function asTheAppSetIt(line, cookie, region) {
  const start = `${cookie}=${region.prefix}-`;
  const [key] = line.slice(cookie.length + 1).split(';');
  return line.startsWith(start) && FORM.test(key) ? line.replace(key, () => parts(key).value) : line;
}

module.exports = { parts, asTheAppSetIt };
