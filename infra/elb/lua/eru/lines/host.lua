-- The line of a host: its rules in order of precedence.
local action = require("eru.lines.action")
local check = require("eru.lines.check")
local condition = require("eru.lines.condition")

local object, optional = check.object, check.optional

local _M = { rules_max = 2000 }

local id = check.must(function(value)
  return check.is_text(value, ".", 1024)
end, "1 to 1024 bytes")

local function rule_of(name)
  return object({ "when", optional(condition.when) }, { name, action.actions[name] }, { "id", id })
end

local rule = check.one_of(
  { "forward", rule_of("forward") },
  { "redirect", rule_of("redirect") },
  { "respond", rule_of("respond") }
)

local fields = object(
  { "app", optional(check.text(128)) },
  { "tls", optional(object(
    { "redirectHttp", optional(check.boolean) },
    { "minVersion", optional(check.enum("1.2", "1.3")) }
  )) },
  { "rules", check.list(1, _M.rules_max, rule) }
)

--- Whether a text can be a host of the table.
function _M.is_name(value)
  return value == "*" or check.is_text(value, "^[%w%*][%w%-%.]*$", 253) and not value:find("*", 2, true)
end

--- A complaint about a host, or nil.
function _M.complain(value)
  check.begin_host()
  local complaint = fields(value, "host")
  if complaint then
    return complaint
  end
  local twice = check.repeated(value.rules, function(item)
    return item.id
  end)
  return twice and "rule " .. twice .. " is there twice"
end

return _M
