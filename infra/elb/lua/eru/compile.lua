-- Values of the table as the structures requests are routed with.
local cjson = require("cjson")
local conditions = require("eru.conditions")
local forwarding = require("eru.forwarding")

local _M = {}

local always = { {} }
local nothing = {}

local function push(lists, key, entry)
  local list = lists[key]
  if not list then
    list = {}
    lists[key] = list
  end
  list[#list + 1] = entry
end

-- Where requests look for an entry: by its path, as far as a path can be looked up. Entries come in order of precedence,
-- so every list is in that order too.
local function index(host, entry, path)
  -- Every path begins with a slash.
  if not path or path.regex or path.prefix == "/" then
    host.rest = host.rest == nothing and {} or host.rest
    host.rest[#host.rest + 1] = entry
  elseif path.exact then
    host.exact = host.exact == nothing and {} or host.exact
    push(host.exact, path.exact, entry)
  elseif path.raw then
    local length = #path.prefix
    host.raw = host.raw == nothing and {} or host.raw
    if not host.raw[length] then
      host.raw[length] = {}
      host.raw_lengths = host.raw_lengths == nothing and {} or host.raw_lengths
      host.raw_lengths[#host.raw_lengths + 1] = length
    end
    push(host.raw[length], path.prefix, entry)
  else
    push(host.by_prefix, path.prefix, entry)
    host.longest = math.max(host.longest, #path.prefix)
  end
end

local function compile_rule(route, rule)
  return {
    id = rule.id,
    forward = rule.forward and forwarding.compile(rule.forward, rule.id),
    redirect = rule.redirect,
    respond = rule.respond,
    when = rule.when,
    route = route,
    series = {}, -- what counts its requests, by pool
  }
end

--- A host: its rules in order of precedence and an index of what they ask of the path.
function _M.host(json, route)
  local declared = cjson.decode(json)
  local host = {
    redirect_http = declared.tls and declared.tls.redirectHttp or false,
    rules = {},
    exact = nothing,
    by_prefix = {},
    longest = 0,
    raw = nothing,
    raw_lengths = nothing,
    rest = nothing,
  }
  for position, declared_rule in ipairs(declared.rules) do
    local rule = compile_rule(route, declared_rule)
    host.rules[position] = rule
    local of = { host = route, rule = rule.id }
    for _, match in ipairs(rule.when or always) do
      local entry = {
        position = position,
        rule = rule,
        checks = conditions.checks(of, match, false),
      }
      entry.test = conditions.all(entry.checks)
      index(host, entry, match.path)
    end
  end
  host.only_rest = host.exact == nothing and host.longest == 0 and host.raw == nothing
  return host
end

--- A pool: all its endpoints, and the active ones with what choosing between them needs.
function _M.pool(json, name)
  local value = cjson.decode(json)
  local pool = { endpoints = value.eps, active = {}, warm_at_s = 0, even = true }
  pool.slow_start_s = (value.slowStartMs or 0) > 0 and value.slowStartMs / 1000 or nil
  for _, endpoint in ipairs(pool.endpoints) do
    endpoint.pool = name
    endpoint.host = endpoint.ip:find(":", 1, true) and "[" .. endpoint.ip .. "]" or endpoint.ip
    endpoint.key = endpoint.id .. "@" .. endpoint.host .. ":" .. endpoint.port
    endpoint.seed = ngx.crc32_long(endpoint.id)
    if pool.slow_start_s and endpoint.since then
      pool.warm_at_s = math.max(pool.warm_at_s, endpoint.since + pool.slow_start_s)
    end
    -- A random start: else every worker would send its first requests after each change to the same endpoint.
    endpoint.current = math.random() * endpoint.w
    if endpoint.s == "a" then
      pool.active[#pool.active + 1] = endpoint
      pool.even = pool.even and endpoint.w == pool.active[1].w
    end
  end
  pool.turn = math.random(0, 999) -- For the same reason.
  return pool
end

-- As nginx.conf has them: setting them for a request copies all that nginx knows of the upstream.
local usual_ms = { connectMs = 1000, sendMs = 60000, readMs = 60000 }

--- How requests are forwarded. `usual`: the timeouts are those of nginx.conf.
function _M.forward(json)
  local forward = cjson.decode(json)
  forward.usual = true
  for name, ms in pairs(usual_ms) do
    forward.usual = forward.usual and forward[name] == ms
  end
  return forward
end

return _M
