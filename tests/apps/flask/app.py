"""A Flask app whose sessions are Flask-Session's, in files: what it knows of regions is the name that it prints."""

import json
import os
import threading

import waitress
from cachelib.file import FileSystemCache
from flask import Flask, redirect, request, session
from flask_session import Session

LOGIN = '<form method="post" action="/login"><input name="user" required><button>Log in</button></form>'
LOGOUT = '<form method="post" action="/logout"><button>Log out</button></form>'

saying = threading.Lock()

app = Flask(__name__)
app.config.update(
    SESSION_TYPE="cachelib",
    SESSION_CACHELIB=FileSystemCache(os.environ["SESSIONS"]),
    SESSION_COOKIE_SAMESITE="Lax",
    PERMANENT_SESSION_LIFETIME=60 * 60,
)
Session(app)


@app.get("/")
def page():
    return LOGOUT if "user" in session else LOGIN


@app.post("/login")
def login():
    app.session_interface.regenerate(session)
    session.clear()
    session["user"] = request.form["user"]
    response = redirect("/", 303)
    response.set_cookie("theme", "dark")
    return response


@app.get("/whoami")
def whoami():
    session["visits"] = session.get("visits", 0) + 1
    return {"region": os.environ["REGION"], "user": session.get("user"), "visits": session["visits"]}


@app.post("/logout")
def logout():
    session.clear()
    return redirect("/", 303)


def recorded(environ, start_response):
    """The app, and a line for what came in and what goes out: Flask writes the session's cookie after its own hooks."""

    def start(status, headers, *more):
        set_cookies = [value for name, value in headers if name.lower() == "set-cookie"]
        url = environ["PATH_INFO"] + ("?" + environ["QUERY_STRING"] if environ["QUERY_STRING"] else "")
        say({"url": url, "cookie": environ.get("HTTP_COOKIE"), "set": set_cookies})
        return start_response(status, headers, *more)

    return app(environ, start)


def say(line):
    """Says a line. Several threads do, and `print` writes the end of a line apart from the line."""
    with saying:
        print(json.dumps(line), flush=True)


server = waitress.create_server(recorded, host="127.0.0.1", port=0)
say({"port": int(server.effective_port)})
server.run()
