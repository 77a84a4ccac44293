-- The conditions of a rule as functions of a request: {name, holds}, the cheapest first.
local address = require("eru.address")
local metrics = require("eru.metrics")
local regex = require("eru.regex")
local values = require("eru.values")

local _M = {}

local re_find = ngx.re.find

-- A pattern that exceeds the engine's bounds on some value does not match it. Counted, because its author should know.
local function searched(host, rule, declared, flags)
  local pattern = regex.strict(declared)
  local labels
  return function(value)
    local from, _, err = re_find(value, pattern, flags)
    if err then
      labels = labels or 'route="' .. host .. '",rule="' .. metrics.escape(rule) .. '"'
      metrics.count("eru_elb_regex_failures_total", labels)
    end
    return from ~= nil
  end
end

local function value_test(of, wanted)
  if wanted.exact then
    return function(value)
      return value == wanted.exact
    end
  elseif wanted.prefix then
    local length = #wanted.prefix
    return function(value)
      return value ~= nil and value:sub(1, length) == wanted.prefix
    end
  elseif wanted.suffix then
    local length = #wanted.suffix
    return function(value)
      return value ~= nil and #value >= length and (length == 0 or value:sub(-length) == wanted.suffix)
    end
  elseif wanted.regex then
    local test = searched(of.host, of.rule, wanted.regex, wanted.ignoreCase and "joi" or "jo")
    return function(value)
      return value ~= nil and test(value)
    end
  elseif wanted.present ~= nil then
    return function(value)
      return (value ~= nil) == wanted.present
    end
  end
  local set = {}
  for _, one in ipairs(wanted["in"]) do
    set[one] = true
  end
  return function(value)
    return value ~= nil and set[value] == true
  end
end

local function named(out, of, kind, records, read, fold)
  local names = {}
  for name in pairs(records or {}) do
    names[#names + 1] = name
  end
  -- In an order of its own, so that the same condition is always the first that fails.
  table.sort(names)
  for _, name in ipairs(names) do
    local wanted = records[name]
    local key, test = fold and name:lower() or name, value_test(of, wanted)
    out[#out + 1] = {
      name = kind .. "." .. name,
      cost = wanted.regex and 6 or 3,
      holds = function(request)
        return test(read(request, key))
      end,
    }
  end
end

--- Whether a prefix covers a path: to its end or to a segment border.
function _M.covers(prefix, path)
  if path:sub(1, #prefix) ~= prefix then
    return false
  end
  return #path == #prefix or prefix:byte(-1) == 47 or path:byte(#prefix + 1) == 47
end

local function path_check(of, wanted)
  if wanted.exact then
    return { name = "path", cost = 1, holds = function(request)
      return request.path == wanted.exact
    end }
  elseif wanted.prefix then
    local length = #wanted.prefix
    return { name = "path", cost = 1, holds = function(request)
      if wanted.raw then
        return request.path:sub(1, length) == wanted.prefix
      end
      return _M.covers(wanted.prefix, request.path)
    end }
  end
  local test = searched(of.host, of.rule, wanted.regex, "jo")
  return { name = "path", cost = 5, holds = function(request)
    return test(request.path)
  end }
end

local function grpc_check(wanted)
  local path = "/" .. wanted.service .. "/" .. (wanted.method or "")
  local function fits(asked)
    if wanted.method then
      return asked == path
    end
    return asked:sub(1, #path) == path and #asked > #path and not asked:find("/", #path + 1, true)
  end
  return { name = "grpc", cost = 2, holds = function(request)
    return fits(request.path) and values.is_grpc(request)
  end }
end

local function source_check(blocks)
  local parsed = {}
  for index, text in ipairs(blocks) do
    parsed[index] = address.parse_block(text)
  end
  return { name = "source", cost = 4, holds = function(request)
    local bytes = values.source_bytes(request)
    for _, block in ipairs(parsed) do
      if address.within(bytes, block) then
        return true
      end
    end
    return false
  end }
end

local function percent_check(of, percent)
  -- Two decimals: products of decimal fractions are not whole in binary.
  local below, key, salt = math.floor(percent.of * 100 + 0.5), _M.hash_key(percent.key), percent.salt or of.rule
  return {
    name = "percent",
    cost = 5,
    holds = function(request)
      return values.bucket(request, key, salt, 10000) < below
    end,
    share = function(request)
      local bucket, by_chance = values.bucket(request, key, salt, 10000)
      return by_chance and below / 10000 or bucket < below and 1 or 0
    end,
  }
end

local function simple(out, name, wanted, read)
  if wanted then
    out[#out + 1] = { name = name, cost = 1, holds = function(request)
      return read(request) == wanted
    end }
  end
end

local function methods_check(methods)
  local set = {}
  for _, method in ipairs(methods) do
    set[method] = true
  end
  return { name = "methods", cost = 1, holds = function(request)
    return set[values.method(request)] == true
  end }
end

local function not_check(of, conditions)
  local each, cost = {}, 6
  for index, condition in ipairs(conditions) do
    each[index] = _M.checks(of, condition, true)
    cost = cost + #each[index]
  end
  local check = { name = "not", cost = cost }
  function check.holds(request)
    for _, checks in ipairs(each) do
      if not _M.failing(checks, request) then
        return false
      end
    end
    return true
  end
  function check.share(request)
    local share = 1
    for index, checks in ipairs(each) do
      share = share * (1 - _M.share(checks, request))
      if share == 0 then
        return 0, "not." .. index - 1
      end
    end
    return share
  end
  return check
end

--- A hash key as {kind, name}.
function _M.hash_key(key)
  if type(key) == "string" then
    return { kind = key }
  end
  local kind, name = next(key)
  return { kind = kind, name = kind == "header" and name:lower() or name }
end

--- The checks of one match, the path's left out unless asked for (a regex always in). `of` is {host, rule}.
function _M.checks(of, match, with_path)
  local out = {}
  if match.path and (with_path or match.path.regex) then
    out[1] = path_check(of, match.path)
  end
  if match.methods then
    out[#out + 1] = methods_check(match.methods)
  end
  simple(out, "scheme", match.scheme, values.scheme)
  simple(out, "port", match.port, values.port)
  if match.grpc then
    out[#out + 1] = grpc_check(match.grpc)
  end
  if match.userAgent then
    local test = value_test(of, match.userAgent)
    out[#out + 1] = { name = "userAgent", cost = match.userAgent.regex and 6 or 2, holds = function(request)
      return test(values.user_agent(request))
    end }
  end
  named(out, of, "headers", match.headers, values.header, true)
  named(out, of, "query", match.query, values.query)
  named(out, of, "cookies", match.cookies, values.cookie)
  if match.source then
    out[#out + 1] = source_check(match.source)
  end
  if match.percent then
    out[#out + 1] = percent_check(of, match.percent)
  end
  if match["not"] then
    out[#out + 1] = not_check(of, match["not"])
  end
  for rank, check in ipairs(out) do
    check.rank = rank
  end
  table.sort(out, function(a, b)
    return a.cost < b.cost or a.cost == b.cost and a.name < b.name
  end)
  return out
end

--- The part of requests like this for which all checks hold, 0 to 1: in between when chance decides. With 0 also which
--- check fails, the first as they are declared.
function _M.share(checks, request)
  local share, because, rank = 1, nil, math.huge
  for _, check in ipairs(checks) do
    local part, why
    if check.share then
      part, why = check.share(request)
    else
      part = check.holds(request) and 1 or 0
    end
    share = share * part
    if part == 0 and check.rank < rank then
      because, rank = why or check.name, check.rank
    end
  end
  return share, because
end

local function always()
  return true
end

--- Whether all checks hold, as one function of a request.
function _M.all(checks)
  if #checks == 0 then
    return always
  elseif #checks == 1 then
    return checks[1].holds
  end
  return function(request)
    return _M.failing(checks, request) == nil
  end
end

--- The first check that does not hold; nil when all do.
function _M.failing(checks, request)
  for index = 1, #checks do
    if not checks[index].holds(request) then
      return checks[index]
    end
  end
end

return _M
