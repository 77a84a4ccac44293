-- The lines a table consists of, `op TAB key TAB json`, and what each kind of key may hold. Everything that is written to
-- shared memory passes here first, so code that reads the table checks nothing.
local cjson = require("cjson.safe")

local _M = {
  lines_max = 200, -- in one chunk of a generation
  rules_max = 2000, -- of one host
  endpoints_max = 1000, -- of one pool
  tries_max = 10,
  timeout_ms_max = 24 * 3600 * 1000,
}

local function integer(value, least, most)
  return type(value) == "number" and value == math.floor(value) and value >= least and value <= most
end

local function text(value, pattern, length_max)
  return type(value) == "string" and #value >= 1 and #value <= length_max and value:find(pattern) ~= nil
end

--- A function that complains about an object: keys that are unknown or missing, values that their functions complain
--- about, in the order given as {name, complain}.
local function object(...)
  local fields, known = { ... }, {}
  for _, field in ipairs(fields) do
    known[field[1]] = true
  end
  return function(value, where)
    if type(value) ~= "table" then
      return where .. " is not an object"
    end
    for name in pairs(value) do
      if not known[name] then
        return where .. " has the unknown key " .. cjson.encode(tostring(name))
      end
    end
    for _, field in ipairs(fields) do
      local complaint = field[2](value[field[1]], where .. "." .. field[1])
      if complaint then
        return complaint
      end
    end
  end
end

local shown_bytes_max = 80

local function show(value)
  local json = cjson.encode(value) or type(value)
  -- Not in the middle of a character: the reason goes into a JSON answer.
  return #json <= shown_bytes_max and json or json:sub(1, shown_bytes_max):gsub("[\128-\255]*$", "") .. "…"
end

local function must(test, wanted)
  return function(value, where)
    if not test(value) then
      return where .. " is " .. show(value) .. ", wanted " .. wanted
    end
  end
end

local function optional(complain)
  return function(value, where)
    return value ~= nil and complain(value, where) or nil
  end
end

local function list(length_max, complain_item)
  return function(value, where)
    if type(value) ~= "table" then
      return where .. " is not a list"
    end
    local count = 0
    for _ in pairs(value) do
      count = count + 1
    end
    if count ~= #value then
      return where .. " is not a list"
    end
    if count > length_max then
      return where .. " has " .. count .. " entries, at most " .. length_max
    end
    for index, item in ipairs(value) do
      local complaint = complain_item(item, where .. "[" .. index - 1 .. "]")
      if complaint then
        return complaint
      end
    end
  end
end

local function repeated(items, field)
  local seen = {}
  for _, item in ipairs(items) do
    local value = field(item)
    if seen[value] then
      return value
    end
    seen[value] = true
  end
end

local function is_ip(value)
  if type(value) ~= "string" then
    return false
  end
  local a, b, c, d = value:match("^(%d+)%.(%d+)%.(%d+)%.(%d+)$")
  if a then
    return tonumber(a) < 256 and tonumber(b) < 256 and tonumber(c) < 256 and tonumber(d) < 256
  end
  return #value <= 45 and value:find("^[%x:.]+$") ~= nil and value:find(":.*:") ~= nil
end

local function between(least, most)
  return must(function(value)
    return integer(value, least, most)
  end, "a whole number from " .. least .. " to " .. most)
end

local function pool_name(value)
  return text(value, "^[%w][%w%-%._/@:=~]*$", 200)
end

local endpoint = object(
  { "id", must(function(value)
    return text(value, "^[%w][%w%-]*$", 128)
  end, "a workload id") },
  { "ip", must(is_ip, "an IP address") },
  { "port", between(1, 65535) },
  { "w", between(1, 1000) },
  { "s", must(function(value)
    return value == "a" or value == "d"
  end, '"a" (active) or "d" (draining)') },
  { "release", optional(must(function(value)
    return text(value, ".", 128)
  end, "1 to 128 bytes")) },
  { "since", optional(between(0, 2 ^ 40)) }
)

local check = object(
  { "path", must(function(value)
    return text(value, "^/[^%c ]*$", 1024)
  end, "a path of at most 1024 bytes without spaces and control characters") },
  { "codes", optional(list(64, between(100, 599))) },
  { "intervalMs", between(1000, 3600000) },
  { "timeoutMs", between(1, 60000) },
  { "unhealthyAfter", between(1, 100) },
  { "healthyAfter", between(1, 100) }
)

local path = object({
  "prefix",
  -- Compared with the path as nginx normalises it, so other prefixes could never match.
  must(function(value)
    return text(value, "^/", 1024) and not value:find("//", 1, true) and not (value .. "/"):find("/%.%.?/")
  end, "a path of at most 1024 bytes that begins with / and has no //, /./ or /../"),
})

local when = list(1, object({ "path", path }))
local backend = object({ "pool", must(pool_name, "a pool name") }, { "weight", between(1, 1000000) })
local rule = object(
  { "id", must(function(value)
    return text(value, ".", 1024)
  end, "1 to 1024 bytes") },
  { "when", when },
  { "forward", object({ "backends", list(1, backend) }) }
)

local milliseconds = between(1, _M.timeout_ms_max)
local pool = object(
  { "eps", list(_M.endpoints_max, endpoint) },
  { "slowStartMs", optional(between(0, 3600000)) },
  { "check", optional(check) }
)
local host = object({ "rules", list(_M.rules_max, rule) })
local forward = object(
  { "tries", between(1, _M.tries_max) },
  { "connectMs", milliseconds },
  { "sendMs", milliseconds },
  { "readMs", milliseconds },
  { "upgradedMs", milliseconds }
)

local kinds = {
  p = {
    bytes_max = 256 * 1024,
    key = pool_name,
    complain = function(value)
      local complaint = pool(value, "pool")
      if complaint then
        return complaint
      end
      local twice = repeated(value.eps, function(item)
        return item.id
      end)
      return twice and "endpoint " .. twice .. " is there twice"
    end,
  },
  r = {
    bytes_max = 256 * 1024,
    key = function(value)
      return value == "*" or text(value, "^[%w%*][%w%-%.]*$", 253) and not value:find("*", 2, true)
    end,
    complain = function(value)
      local complaint = host(value, "host")
      if complaint then
        return complaint
      end
      if #value.rules == 0 then
        return "host.rules is empty"
      end
      for index, item in ipairs(value.rules) do
        if #item.when == 0 or #item.forward.backends == 0 then
          return "host.rules[" .. index - 1 .. "] has no condition or no backend"
        end
      end
      local twice = repeated(value.rules, function(item)
        return item.id
      end)
      return twice and "rule " .. twice .. " is there twice"
    end,
  },
  g = {
    bytes_max = 4 * 1024,
    key = function(value)
      return value == "forward"
    end,
    complain = function(value)
      return forward(value, "forward")
    end,
  },
}

--- One line as {op, key, json}; nil, reason and key for one that the table must not hold.
function _M.parse(line)
  local op, kind, name, rest = line:match("^([+-])\t(%l):([^\t]+)(.*)$")
  if not op then
    return nil, "not a line: wanted `+ TAB key TAB json` or `- TAB key`"
  end
  local key = kind .. ":" .. name
  if not kinds[kind] or not kinds[kind].key(name) then
    return nil, "not a key of the table", key
  end
  if #line > kinds[kind].bytes_max then
    return nil, "the line has " .. #line .. " bytes, at most " .. kinds[kind].bytes_max, key
  end
  if op == "-" then
    if rest ~= "" then
      return nil, "a removal carries no value", key
    end
    return { op = op, key = key }
  end
  local json = rest:sub(2)
  local value, malformed = cjson.decode(json)
  if value == nil then
    return nil, "the value is not JSON: " .. tostring(malformed), key
  end
  local complaint = kinds[kind].complain(value)
  if complaint then
    return nil, complaint, key
  end
  return { op = op, key = key, json = json }
end

--- All lines of a body, each ended by a line feed; nil and {line, key, reason} for the first that is wrong.
function _M.parse_all(body, lines_max)
  local parsed, seen = {}, {}
  for line in body:gmatch("[^\n]+") do
    local number = #parsed + 1
    local entry, reason, key = _M.parse(line)
    if entry and seen[entry.key] then
      entry, reason, key = nil, "the key is there twice", entry.key
    elseif entry and lines_max and number > lines_max then
      entry, reason, key = nil, "more than " .. lines_max .. " lines", entry.key
    end
    if not entry then
      return nil, { line = number, key = key, reason = reason }
    end
    seen[entry.key] = true
    parsed[number] = entry
  end
  return parsed
end

return _M
