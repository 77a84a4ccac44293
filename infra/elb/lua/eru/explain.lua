-- What would become of a request, and why: docs/elb-table.md. The rules are found as for requests; only chance is not
-- drawn, so that all its outcomes are told.
local cjson = require("cjson.safe")
local conditions = require("eru.conditions")
local match = require("eru.match")
local rewriting = require("eru.rewriting")
local splitting = require("eru.splitting")
local view = require("eru.view")

local _M = {}

local skipped_max = 100
local always = { {} }

-- cjson of Debian writes an empty list as an object.
local function list(items)
  return "[" .. table.concat(items, ",") .. "]"
end

local function object(fields, lists)
  local parts = {}
  local text = cjson.encode(fields)
  if text ~= "{}" then
    parts[1] = text:sub(2, -2)
  end
  for name, items in pairs(lists or {}) do
    parts[#parts + 1] = '"' .. name .. '":' .. list(items)
  end
  return "{" .. table.concat(parts, ",") .. "}"
end

local function endpoints_of(pool)
  local out = {}
  for index, endpoint in ipairs(pool and pool.endpoints or {}) do
    local shown = { id = endpoint.id, ip = endpoint.ip, port = endpoint.port, w = endpoint.w, s = endpoint.s }
    shown.release = endpoint.release
    out[index] = object(shown)
  end
  return out
end

local function backend_text(backend, share)
  local shown = { pool = backend.pool, share = share, release = backend.release, track = backend.track }
  return object(shown, { endpoints = endpoints_of(view.pool(backend.pool)) })
end

local function shares_of(backends, total)
  local out = {}
  for index, backend in ipairs(backends) do
    out[index] = backend_text(backend, backend.weight / total)
  end
  return out
end

-- The backends of a forward action with their shares, whether they are the fallback, and why nobody serves.
local function backends_of(forward, request)
  local serving, total = splitting.serving(forward)
  if total == 0 then
    local pool, reason = splitting.choose(forward, request)
    if forward.fallback then
      return { backend_text({ pool = forward.fallback }, 1) }, true, not pool and reason or nil
    end
    return shares_of(forward.backends, forward.total), nil, reason
  end
  if forward.split and splitting.split_number(forward, request) then
    local _, _, backend = splitting.choose(forward, request)
    return { backend_text(backend, 1) }
  end
  return shares_of(serving, total)
end

local function outcome(rule, request, share)
  local shown = { rule = rule.id, share = share }
  if rule.redirect then
    shown.action, shown.status = "redirect", rule.redirect.status
    shown.location = rewriting.location(rule, request, request.asked.query)
    return object(shown)
  elseif rule.respond then
    shown.action, shown.status = "respond", rule.respond.status
    return object(shown)
  end
  shown.action = "forward"
  local backends, fallback, reason = backends_of(rule.forward, request)
  shown.fallback = fallback
  return object(shown, { backends = backends }), reason
end

-- Why each of the first rules did not match: of each alternative the first condition that does not hold.
local function skipped_before(host, position, matched, request)
  local out = {}
  for index = 1, position do
    local rule = host.rules[index]
    if not matched[index] and #out < skipped_max then
      local because = {}
      for number, one in ipairs(rule.when or always) do
        local of = { host = rule.route, rule = rule.id }
        local _, why = conditions.share(conditions.checks(of, one, true), request)
        because[number] = why and cjson.encode(why)
      end
      out[#out + 1] = object({ rule = rule.id }, { because = because })
    end
  end
  return out
end

-- The part of requests that each rule takes, by position, until nothing is left.
local function shares(host, request)
  local out, left, last = {}, 1, 0
  local candidates, at = match.candidates(host, request.path), 1
  while candidates[at] and left > 0 do
    local position, fails = candidates[at].position, 1
    while candidates[at] and candidates[at].position == position do
      fails = fails * (1 - conditions.share(candidates[at].checks, request))
      at = at + 1
    end
    if fails < 1 then
      out[position] = left * (1 - fails)
      left = left * fails
    end
    last = position
  end
  return out, left, left > 0 and #host.rules or last
end

--- The answer to a question {host, path, method, scheme, port, query, headers, source}, as JSON.
function _M.answer(asked)
  local request = { asked = asked, host = asked.host, path = asked.path }
  view.catch_up()
  local host, route = match.host(asked.host)
  if not host then
    return object({ reason = "no_such_host" }, { outcomes = {}, skipped = {} })
  end
  local found, left, last = shares(host, request)
  local outcomes, reason = {}, nil
  for position = 1, last do
    if found[position] then
      local text, why = outcome(host.rules[position], request, found[position])
      outcomes[#outcomes + 1] = text
      reason = reason or why
    end
  end
  reason = reason or left > 0 and "no_such_path" or nil
  return object({ route = route, reason = reason }, {
    outcomes = outcomes,
    skipped = skipped_before(host, last, found, request),
  })
end

return _M
