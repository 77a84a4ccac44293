-- From host and path to a rule.
local view = require("eru.view")

local _M = {}

local slash = ("/"):byte()

--- The position of the first rule whose prefix covers the path: the whole path, or up to a segment border.
function _M.rule(host, path)
  local by_prefix = host.by_prefix
  local best = by_prefix[path]
  -- Only borders can end a prefix, so the cost is the path's segments, not the number of rules.
  for at = math.min(#path, host.longest + 1), 1, -1 do
    if path:byte(at) == slash then
      local with, without = by_prefix[path:sub(1, at)], by_prefix[path:sub(1, at - 1)]
      if with and (not best or with < best) then
        best = with
      end
      if without and (not best or without < best) then
        best = without
      end
    end
  end
  return best and host.rules[best]
end

--- The host in the table that a name belongs to: itself, else the nearest wildcard above, else the default.
function _M.host(name)
  local host = view.host(name)
  if host then
    return host, name
  end
  local at = name:find(".", 1, true)
  while at do
    local wildcard = "*" .. name:sub(at)
    host = view.host(wildcard)
    if host then
      return host, wildcard
    end
    at = name:find(".", at + 1, true)
  end
  return view.host("*"), "*"
end

--- Where a request goes: {route, rule, pool}; nil and the reason when nowhere.
function _M.find(name, path)
  local host, route = _M.host(name)
  if not host then
    return nil, "no_such_host"
  end
  local rule = _M.rule(host, path)
  if not rule then
    return nil, "no_such_path", route
  end
  return { route = route, rule = rule.id, pool = rule.pool }
end

return _M
