-- Cookies that keep a client on one endpoint. The value names the endpoint without telling what it is called or where it is.
local values = require("eru.values")
local view = require("eru.view")

local _M = {}

local value_length = 16

--- What stands for an endpoint in a cookie.
function _M.value(endpoint)
  return ngx.md5("eru-sticky:" .. endpoint.id):sub(1, value_length)
end

local function find(pool, value)
  local by_value = pool.by_sticky_value
  if not by_value then
    by_value = {}
    pool.by_sticky_value = by_value
    for _, endpoint in ipairs(pool.endpoints) do
      by_value[_M.value(endpoint)] = endpoint
    end
  end
  return by_value[value]
end

--- The pool, its name, backend and endpoint that a client is bound to; nil when there is none any more.
function _M.bound(forward, request)
  local value = values.cookie(request, forward.sticky.cookie)
  if not value or #value ~= value_length then
    return nil
  end
  for _, backend in ipairs(forward.backends) do
    local pool = view.pool(backend.pool)
    local endpoint = pool and find(pool, value)
    if endpoint and (endpoint.s == "a" or forward.sticky.keep) then
      return pool, backend.pool, backend, endpoint
    end
  end
end

--- The cookie that binds a client to the endpoint that answered it; nil when it has it.
function _M.set_cookie(forward, request)
  local value = _M.value(request.endpoint)
  if values.cookie(request, forward.sticky.cookie) == value then
    return nil
  end
  local secure = values.scheme(request) == "https" and "; Secure" or ""
  local ttl = "; Path=/; Max-Age=" .. forward.sticky.ttl
  return forward.sticky.cookie .. "=" .. value .. ttl .. "; HttpOnly; SameSite=Lax" .. secure
end

return _M
