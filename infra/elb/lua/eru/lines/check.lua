-- What the descriptions of lines are made of: functions that take a value and where it stands, and return a complaint or nil.
local cjson = require("cjson.safe")

local _M = {}

local shown_bytes_max = 80

local function show(value)
  local json = cjson.encode(value) or type(value)
  -- Not in the middle of a character: the reason goes into a JSON answer.
  return #json <= shown_bytes_max and json or json:sub(1, shown_bytes_max):gsub("[\128-\255]*$", "") .. "…"
end

--- A whole number within bounds.
function _M.is_whole(value, least, most)
  return type(value) == "number" and value == math.floor(value) and value >= least and value <= most
end

--- Text of 1 to `length_max` bytes that fits a Lua pattern.
function _M.is_text(value, pattern, length_max)
  return type(value) == "string" and #value >= 1 and #value <= length_max and value:find(pattern) ~= nil
end

--- Whatever `test` holds for; `wanted` says it in words.
function _M.must(test, wanted)
  return function(value, where)
    if not test(value) then
      return where .. " is " .. (value == nil and "missing" or show(value)) .. ", wanted " .. wanted
    end
  end
end

--- A whole number within bounds.
function _M.between(least, most)
  return _M.must(function(value)
    return _M.is_whole(value, least, most)
  end, "a whole number from " .. least .. " to " .. string.format("%.0f", most))
end

--- Any text of at most `length_max` bytes, without `without` (a Lua character class) if given.
function _M.text(length_max, without)
  return _M.must(function(value)
    return type(value) == "string" and #value <= length_max and not (without and value:find(without))
  end, "text of at most " .. length_max .. " bytes" .. (without and " without line ends" or ""))
end

--- True or false.
_M.boolean = _M.must(function(value)
  return type(value) == "boolean"
end, "true or false")

--- One of some texts or numbers.
function _M.enum(...)
  local known, names = {}, {}
  for index, one in ipairs({ ... }) do
    known[one], names[index] = true, cjson.encode(one)
  end
  return _M.must(function(value)
    return value ~= nil and known[value] == true
  end, table.concat(names, ", "):gsub(", ([^,]*)$", " or %1"))
end

--- The same, or nothing.
function _M.optional(complain)
  return function(value, where)
    if value ~= nil then
      return complain(value, where)
    end
  end
end

--- An object with exactly these fields, checked in the order given as {name, complain}.
function _M.object(...)
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

--- An object that is told by which one of some keys it has: {key, complain of the whole}.
function _M.one_of(...)
  local variants, names = { ... }, {}
  for index, variant in ipairs(variants) do
    names[index] = variant[1]
  end
  local wanted = "wanted exactly one of " .. table.concat(names, ", ")
  return function(value, where)
    if type(value) ~= "table" then
      return where .. " is " .. show(value) .. ", " .. wanted
    end
    local found
    for _, variant in ipairs(variants) do
      if value[variant[1]] ~= nil then
        if found then
          return where .. " has " .. found[1] .. " and " .. variant[1] .. ", " .. wanted
        end
        found = variant
      end
    end
    if not found then
      return where .. " is " .. show(value) .. ", " .. wanted
    end
    return found[2](value, where)
  end
end

--- Both complaints, the first that is one.
function _M.both(one, other)
  return function(value, where)
    return one(value, where) or other(value, where)
  end
end

--- A list within bounds.
function _M.list(length_min, length_max, complain_item)
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
    if count < length_min then
      return where .. " is empty"
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

--- An object whose keys are names, all values alike. Names that differ only in case are one when `lower`.
function _M.record(is_name, name_wanted, complain_item, lower)
  return function(value, where)
    if type(value) ~= "table" then
      return where .. " is not an object"
    end
    local seen = {}
    for name, item in pairs(value) do
      if not is_name(name) then
        return where .. " has the key " .. show(name) .. ", wanted " .. name_wanted
      end
      local folded = lower and name:lower() or name
      if seen[folded] then
        return where .. " has " .. folded .. " twice"
      end
      seen[folded] = true
      local complaint = complain_item(item, where .. "." .. name)
      if complaint then
        return complaint
      end
    end
  end
end

--- The first value of a field that two items share.
function _M.repeated(items, field)
  local seen = {}
  for _, item in ipairs(items) do
    local value = field(item)
    if seen[value] then
      return value
    end
    seen[value] = true
  end
end

local function token(value)
  return _M.is_text(value, "^[%w!#$%%&'*+.^_`|~-]+$", 128)
end

--- The name of a header or a cookie.
_M.is_token = token

local pool_wanted = "a pool name"

--- Whether a text names a pool.
function _M.is_pool_name(value)
  return _M.is_text(value, "^[%w][%w%-%._/@:=~]*$", 200)
end

--- The name of a pool.
_M.pool_name = _M.must(_M.is_pool_name, pool_wanted)

local regexes, regexes_max = 0, 100
local regex_bytes_max = 512

--- Begins the count of regular expressions anew: at each host.
function _M.begin_host()
  regexes = 0
end

--- A regular expression that this engine compiles.
function _M.regex(value, where)
  if type(value) ~= "string" or #value < 1 or #value > regex_bytes_max then
    return where .. " is " .. show(value) .. ", wanted a regular expression of 1 to " .. regex_bytes_max .. " bytes"
  end
  regexes = regexes + 1
  if regexes > regexes_max then
    return where .. " is one regular expression more than the " .. regexes_max .. " a host may have"
  end
  -- Without "o": what is only looked at shall not push others out of the cache.
  local _, _, err = ngx.re.find("", value, "j")
  if err and err:find("compile", 1, true) then
    return where .. " is " .. show(value) .. ", which does not compile: " .. err:gsub("^pcre2?_compile%(%) failed: ", "")
  end
end

return _M
