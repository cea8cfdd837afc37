// An Express app whose sessions are express-session's: what it knows of regions is the name that it prints.

'use strict';

const express = require('express');
const session = require('express-session');

const HOUR = 60 * 60 * 1000; // milliseconds
const LOGIN = '<form method="post" action="/login"><input name="user" required><button>Log in</button></form>';
const LOGOUT = '<form method="post" action="/logout"><button>Log out</button></form>';

const app = express();

// Stands in front of everything else, so that it sees what came in and what goes out.
app.use((request, response, next) => {
  response.on('finish', () => {
    const set = [response.getHeader('Set-Cookie') ?? []].flat();
    console.log(JSON.stringify({ url: request.originalUrl, cookie: request.headers.cookie ?? null, set }));
  });
  next();
});

app.use(
  session({
    secret: 'the same in all regions',
    resave: false,
    saveUninitialized: false,
    cookie: { maxAge: HOUR, sameSite: 'lax' },
  }),
);

app.get('/', (request, response) => {
  response.send(request.session.user ? LOGOUT : LOGIN);
});

app.post('/login', express.urlencoded({ extended: false }), (request, response, next) => {
  const user = request.body.user;
  request.session.regenerate((error) => {
    if (error) return next(error);
    request.session.user = user;
    response.cookie('theme', 'dark');
    response.redirect(303, '/');
  });
});

app.get('/whoami', (request, response) => {
  request.session.visits = (request.session.visits ?? 0) + 1;
  const { user = null, visits } = request.session;
  response.json({ region: process.env.REGION, user, visits });
});

app.post('/logout', (request, response, next) => {
  request.session.destroy((error) => {
    if (error) return next(error);
    response.clearCookie('connect.sid');
    response.redirect(303, '/');
  });
});

const server = app.listen(0, '127.0.0.1', () => {
  console.log(JSON.stringify({ port: server.address().port }));
});
