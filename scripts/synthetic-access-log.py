#!/usr/bin/env python3
"""Writes lines as Homeward's access log has them, to the standard output: visitors from many networks, most with a session.

    scripts/synthetic-access-log.py 5000000 > /tmp/access.log
"""
import random
import sys

HEAD = '{"time":"2026-11-22T%02d:%02d:%02d.%06dZ","client":"%s","method":"GET","host":"portal.example.com","path":"/%s"'
TAIL = (
    ',"protocol":"HTTP/1.1","status":200,"bytes_sent":5120,"bytes_received":0,"duration_seconds":0.012345,'
    '"service":"portal","home":"%s","home_by":"%s","region":"%s","way":"local","session":"%s","reasons":"%s",'
    '"upstream":"10.1.0.10:8080","upstream_duration_seconds":0.011,"attempts":1,'
    '"request_id":"0190f3a2-7b6c-7d5e-9f40-a1b2c3d4e5f6","user_agent":"Mozilla/5.0 (X11; Linux x86_64; rv:128.0) '
    'Gecko/20100101 Firefox/128.0","referer":"https://portal.example.com/"}\n'
)
PATHS = ["", "cart?item=1", "account/orders?page=2", "search?q=a+long+word&sort=new", "static/app.3f9c.js"]
REGIONS = ["us-east", "us-central", "us-west"]


def lines(count):
    chance = random.Random(1)
    clients = [
        "%d.%d.%d.%d" % (chance.randrange(1, 224), chance.randrange(256), chance.randrange(256), chance.randrange(256))
        for _ in range(100_000)
    ]
    tails = []
    for region in REGIONS:
        reason = "SessionNamesRegion;region=" + region
        tails += [TAIL % (region, "session", region, "home", reason)] * 4
        tails.append(TAIL % (region, "country", region, "new", "CountryIsInRule;rule=3"))
    # Two hours of it.
    for number in range(count):
        second = 7200 * number // count
        time = (4 + second // 3600, second // 60 % 60, second % 60, number % 1_000_000)
        yield HEAD % (*time, chance.choice(clients), chance.choice(PATHS)) + chance.choice(tails)


def main():
    count = int(sys.argv[1]) if len(sys.argv) == 2 else 1_000_000
    try:
        sys.stdout.writelines(lines(count))
    except BrokenPipeError:
        sys.exit(0)


main()
