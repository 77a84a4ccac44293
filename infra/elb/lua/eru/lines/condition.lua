-- What a rule may ask of a request: docs/elb-table.md, libs/events/src/rule.ts.
local address = require("eru.address")
local check = require("eru.lines.check")

local object, optional, must, one_of, list = check.object, check.optional, check.must, check.one_of, check.list

local _M = {}

local text_bytes_max = 1024
local path_bytes_max = 1024
local matches_max = 64
local values_max = 256

local text = check.text(text_bytes_max)
local filled = must(function(value)
  return check.is_text(value, ".", text_bytes_max)
end, "1 to " .. text_bytes_max .. " bytes")

local value_match = one_of(
  { "exact", object({ "exact", text }) },
  { "prefix", object({ "prefix", text }) },
  { "suffix", object({ "suffix", text }) },
  { "regex", object({ "regex", check.regex }, { "ignoreCase", optional(check.boolean) }) },
  { "present", object({ "present", check.boolean }) },
  { "in", object({ "in", list(1, values_max, text) }) }
)

-- Compared with the path as nginx normalises it, so others could never match.
local path = must(function(value)
  return check.is_text(value, "^/", path_bytes_max)
    and not value:find("//", 1, true)
    and not (value .. "/"):find("/%.%.?/")
end, "a path of at most " .. path_bytes_max .. " bytes that begins with / and has no //, /./ or /../")

local raw_flag = { "raw", optional(check.boolean) }
local bordered = object({ "prefix", path }, raw_flag)
-- The bytes of a raw prefix may end anywhere, also within `/..`.
local raw = object(
  { "prefix", must(function(value)
    return check.is_text(value, "^/", path_bytes_max)
  end, "a path of at most " .. path_bytes_max .. " bytes that begins with /") },
  raw_flag
)

local path_match = one_of(
  { "exact", object({ "exact", path }) },
  { "prefix", function(value, where)
    return (value.raw == true and raw or bordered)(value, where)
  end },
  { "regex", object({ "regex", check.regex }) }
)

local function is_name(value)
  return check.is_text(value, ".", 128)
end

local token_wanted = "letters, digits and the signs of a name, at most 128"
local token = must(check.is_token, token_wanted)

local keyed = one_of(
  { "header", object({ "header", token }) },
  { "cookie", object({ "cookie", token }) },
  { "query", object({ "query", must(is_name, "1 to 128 bytes") }) }
)

--- What a request is told apart by.
function _M.hash_key(value, where)
  if value == "source" or value == "path" or value == "random" then
    return nil
  end
  if type(value) ~= "table" then
    return must(function() end, '"source", "path", "random" or one of header, cookie, query')(value, where)
  end
  return keyed(value, where)
end

local conditions = {
  { "path", optional(path_match) },
  { "methods", optional(list(1, 16, must(function(value)
    return check.is_text(value, "^%u+$", 32)
  end, "a method in capitals"))) },
  { "scheme", optional(check.enum("http", "https")) },
  { "port", optional(check.between(1, 65535)) },
  { "grpc", optional(object({ "service", filled }, { "method", optional(filled) })) },
  { "userAgent", optional(value_match) },
  { "headers", optional(check.record(check.is_token, token_wanted, value_match, true)) },
  { "query", optional(check.record(is_name, "1 to 128 bytes", value_match)) },
  { "cookies", optional(check.record(check.is_token, token_wanted, value_match)) },
  { "source", optional(list(1, values_max, must(function(value)
    return address.parse_block(value) ~= nil
  end, "an address or a CIDR block"))) },
  { "percent", optional(object(
    { "of", must(function(value)
      return type(value) == "number" and value >= 0 and value <= 100
    end, "a number from 0 to 100") },
    { "key", _M.hash_key },
    { "salt", optional(check.text(64)) }
  )) },
}

local function some(value, where)
  if next(value) == nil then
    return where .. " has no condition"
  end
end

local condition = check.both(object(unpack(conditions)), some)
conditions[#conditions + 1] = { "not", optional(list(1, matches_max, condition)) }

--- `when` of a rule: conditions of which one must hold.
_M.when = list(1, matches_max, check.both(object(unpack(conditions)), some))

return _M
