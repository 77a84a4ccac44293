-- The line of a pool: its endpoints and how they are looked after.
local check = require("eru.lines.check")
local address = require("eru.address")

local object, optional, must = check.object, check.optional, check.must

local _M = { endpoints_max = 1000 }

local endpoint = object(
  { "id", must(function(value)
    return check.is_text(value, "^[%w][%w%-]*$", 128)
  end, "a workload id") },
  { "ip", must(function(value)
    return address.parse(value) ~= nil
  end, "an IP address") },
  { "port", check.between(1, 65535) },
  { "w", check.between(1, 1000) },
  { "s", check.must(function(value)
    return value == "a" or value == "d"
  end, '"a" (active) or "d" (draining)') },
  { "release", optional(check.text(128)) },
  { "since", optional(check.between(0, 2 ^ 40)) }
)

local health = object(
  { "path", must(function(value)
    return check.is_text(value, "^/[^%c ]*$", 1024)
  end, "a path of at most 1024 bytes without spaces and control characters") },
  { "codes", optional(check.list(0, 64, check.between(100, 599))) },
  { "intervalMs", check.between(1000, 3600000) },
  { "timeoutMs", check.between(1, 60000) },
  { "unhealthyAfter", check.between(1, 100) },
  { "healthyAfter", check.between(1, 100) }
)

local fields = object(
  { "eps", check.list(0, _M.endpoints_max, endpoint) },
  { "slowStartMs", optional(check.between(0, 3600000)) },
  { "check", optional(health) }
)

--- A complaint about a pool, or nil.
function _M.complain(value)
  local complaint = fields(value, "pool")
  if complaint then
    return complaint
  end
  local twice = check.repeated(value.eps, function(item)
    return item.id
  end)
  return twice and "endpoint " .. twice .. " is there twice"
end

return _M
