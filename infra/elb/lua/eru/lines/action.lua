-- What a rule may do with a request: docs/elb-table.md, libs/events/src/rule.ts.
local check = require("eru.lines.check")
local condition = require("eru.lines.condition")
local headers = require("eru.headers")

local object, optional, must, one_of, list = check.object, check.optional, check.must, check.one_of, check.list

local _M = {}

local backends_max = 32
local timeout_ms_max = 24 * 3600 * 1000
local body_bytes_max = 1024 ^ 4
local tries_max = 10

local milliseconds = check.between(1, timeout_ms_max)
local header_value = check.text(4096, "[\r\n%z]")

local function header_changes(protected, whose)
  local function is_name(value)
    return check.is_token(value) and not protected[value:lower()]
  end
  local wanted = "the name of a header that is not the load balancer's own to set in " .. whose
  local values = optional(check.record(is_name, wanted, header_value, true))
  return object(
    { "set", values },
    { "add", values },
    { "remove", optional(list(0, 64, must(is_name, wanted))) }
  )
end

local path = must(function(value)
  return check.is_text(value, "^/", 1024)
end, "a path that begins with /, of at most 1024 bytes")

local rewrite = object(
  { "stripPrefix", optional(path) },
  { "regex", optional(object({ "pattern", check.regex }, { "replacement", check.text(1024) })) },
  { "addPrefix", optional(path) },
  {
    "host",
    optional(one_of(
      { "upstream", object({ "upstream", must(function(value)
        return value == true
      end, "true") }) },
      { "exact", object({ "exact", must(function(value)
        return check.is_text(value, "^[%w%-%._:%[%]]+$", 1024)
      end, "a host name, with a port if need be") }) }
    )),
  }
)

local backend = object(
  { "pool", check.pool_name },
  { "weight", check.between(0, 1000000) },
  { "release", optional(check.text(128)) },
  { "track", optional(check.enum("stable", "canary")) }
)

local limits = object(
  {
    "rate",
    optional(object(
      { "perSecond", must(function(value)
        return type(value) == "number" and value > 0 and value <= 1000000
      end, "a number above 0, at most 1000000") },
      { "burst", optional(check.between(0, 1000000)) },
      { "key", optional(condition.hash_key) }
    )),
  },
  { "inFlightPerEndpoint", optional(check.between(1, 1000000)) }
)

local function balance(value, where)
  if type(value) == "table" then
    return object({ "hash", condition.hash_key })(value, where)
  end
  return check.enum("round_robin", "least")(value, where)
end

local fields = object(
  { "backends", list(1, backends_max, backend) },
  { "split", optional(condition.hash_key) },
  {
    "sticky",
    optional(object(
      { "cookie", must(check.is_token, "a cookie name") },
      { "ttlSeconds", optional(check.between(1, 365 * 86400)) },
      { "onDrain", optional(check.enum("rebind", "keep")) }
    )),
  },
  { "balance", optional(balance) },
  { "rewrite", optional(rewrite) },
  { "requestHeaders", optional(header_changes(headers.of_request, "requests")) },
  { "responseHeaders", optional(header_changes(headers.of_response, "answers")) },
  {
    "timeouts",
    optional(object(
      { "connect", optional(milliseconds) },
      { "read", optional(milliseconds) },
      { "send", optional(milliseconds) }
    )),
  },
  {
    "retry",
    optional(object(
      { "tries", check.between(1, tries_max) },
      { "on", optional(list(0, 5, check.enum("connect", "timeout", "502", "503", "504"))) },
      { "nonIdempotent", optional(check.boolean) }
    )),
  },
  { "protocol", optional(check.enum("http", "https", "grpc", "grpcs")) },
  {
    "endpointTls",
    optional(object(
      { "verify", check.boolean },
      { "name", optional(must(function(value)
        return check.is_text(value, "^%w[%w.-]*$", 253)
      end, "the name of a host, without a port")) }
    )),
  },
  { "websocket", optional(check.boolean) },
  { "requestBuffering", optional(check.boolean) },
  { "bodyBytesMax", optional(check.between(0, body_bytes_max)) },
  { "limits", optional(limits) },
  { "mirror", optional(check.pool_name) },
  { "fallback", optional(check.pool_name) }
)

local function sensible(value, where)
  local weights = 0
  for _, one in ipairs(value.backends) do
    weights = weights + one.weight
  end
  if weights == 0 then
    return where .. ".backends has no weight above 0"
  end
  if value.mirror and (value.protocol == "grpc" or value.protocol == "grpcs") then
    return where .. ".mirror cannot be with protocol " .. value.protocol .. ": copies are sent over HTTP/1.1"
  end
end

local function consistent(value, where)
  if value.endpointTls and value.protocol ~= "https" and value.protocol ~= "grpcs" then
    return where .. ".endpointTls is for protocol https and grpcs"
  end
end

local redirect = object(
  { "location", must(function(value)
    return check.is_text(value, ".", 2048) and not value:find("[\r\n%z]")
  end, "1 to 2048 bytes without line ends") },
  { "status", check.enum(301, 302, 303, 307, 308) }
)

local respond = object(
  { "status", check.between(200, 599) },
  { "body", optional(check.text(8192)) },
  { "headers", optional(check.record(function(value)
    return check.is_token(value) and not headers.of_response[value:lower()]
  end, "the name of a header that is not the load balancer's own to set in answers", header_value, true)) }
)

--- The action of a rule by its key.
_M.actions = { forward = check.both(fields, check.both(sensible, consistent)), redirect = redirect, respond = respond }

--- How requests are forwarded where a rule says nothing.
_M.defaults = object(
  { "tries", check.between(1, tries_max) },
  { "connectMs", milliseconds },
  { "sendMs", milliseconds },
  { "readMs", milliseconds },
  { "upgradedMs", milliseconds }
)

return _M
