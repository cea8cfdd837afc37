-- Sessions of every region and new visitors from many places, mixed. Each request says which region it should get to; the app
-- says that back behind its own name, so that every answer can be judged by itself.

local visitors = {
  -- cookie, region; without a cookie the place decides
  {"sid=east-%d", "us-east"}, {"sid=central-%d", "us-central"}, {"sid=west-%d", "us-west"},
  {"theme=dark; sid=east-%d; lang=en", "us-east"}, {"theme=dark; sid=west-%d", "us-west"},
}
local places = {
  {"127.10.%d.%d", "us-east"},    -- New York
  {"127.11.%d.%d", "us-west"},    -- Los Angeles
  {"127.12.%d.%d", "us-central"}, -- Dallas
  {"127.20.%d.%d", "us-east"},    -- Toronto
  {"127.30.%d.%d", "us-east"},    -- Frankfurt
  {"127.40.%d.%d", "us-west"},    -- Tokyo
}
local threads = {}
local requests = {}
local next_request = 0

-- Judged answers; globals, so that done() can ask for them.
right, misrouted, failed = 0, 0, 0
first_wrong = ""

function setup(thread)
  table.insert(threads, thread)
end

function init(args)
  math.randomseed(tonumber(args[1]) or 1)
  for n = 1, 2000 do
    local place = places[math.random(#places)]
    local headers = {["Host"] = "portal.example.com"}
    headers["X-Forwarded-For"] = string.format(place[1], math.random(0, 255), math.random(1, 254))
    local region = place[2]
    if math.random() < 0.6 then
      local visitor = visitors[math.random(#visitors)]
      headers["Cookie"] = string.format(visitor[1], n)
      region = visitor[2]
    end
    headers["X-Expected"] = region
    requests[n] = wrk.format("GET", "/page/" .. n, headers)
  end
end

function request()
  next_request = next_request % #requests + 1
  return requests[next_request]
end

function response(status, headers, body)
  local served, expected = string.match(body, "^(%S+) (%S+)\n$")
  if status == 200 and served and served == expected then
    right = right + 1
    return
  end
  if status == 200 and served then misrouted = misrouted + 1 else failed = failed + 1 end
  if first_wrong == "" then first_wrong = status .. " " .. string.gsub(string.sub(body, 1, 200), "%s", " ") end
end

function done(summary, latency, _)
  local total = {right = 0, misrouted = 0, failed = 0}
  for _, thread in ipairs(threads) do
    for name in pairs(total) do total[name] = total[name] + thread:get(name) end
    local wrong = thread:get("first_wrong")
    if wrong ~= "" then print("first wrong answer: " .. wrong) end
  end
  local e = summary.errors
  print(string.format("figures right=%d misrouted=%d failed=%d connect=%d read=%d write=%d status=%d timeout=%d seconds=%.1f p50=%.2f p99=%.2f max=%.2f",
    total.right, total.misrouted, total.failed, e.connect, e.read, e.write, e.status, e.timeout,
    summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3, latency.max / 1e3))
end
