-- The lines a table consists of, `op TAB key TAB json`, and what each kind of key may hold. Everything that is written to
-- shared memory passes here first, so code that reads the table checks nothing.
local action = require("eru.lines.action")
local check = require("eru.lines.check")
local cjson = require("cjson.safe")
local host = require("eru.lines.host")
local pool = require("eru.lines.pool")
local tls = require("eru.lines.tls")

local _M = {
  lines_max = 200, -- in one chunk of a generation
}

local kinds = {
  p = { bytes_max = 256 * 1024, key = check.is_pool_name, complain = pool.complain },
  r = { bytes_max = 64 * 1024, key = host.is_name, complain = host.complain },
  g = {
    bytes_max = 4 * 1024,
    key = function(value)
      return value == "forward"
    end,
    complain = function(value)
      return action.defaults(value, "forward")
    end,
  },
}

for kind, entry in pairs(tls.kinds) do
  kinds[kind] = entry
end

--- One line as {op, key, json}; nil, reason and key for one that the table must not hold.
function _M.parse(line)
  local op, kind, name, at = line:match("^([+-])\t(%l):([^\t]+)()")
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
    if at <= #line then
      return nil, "a removal carries no value", key
    end
    return { op = op, key = key }
  end
  local json = line:sub(at + 1)
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
