-- What conditions look at. Each value is read when a condition first wants it: most requests are routed by host and path
-- alone. A request under way is read from nginx; one that is only asked about carries its values in `asked`.
local address = require("eru.address")
local bit = require("bit")

local _M = {}

-- nginx drops headers with other names before anybody sees them.
local arriving = "^[%w-]+$"
-- From 1.23 on nginx joins repeated headers in its variables; these two it always did.
local joins_all = ngx.config.nginx_version >= 1023000
local joined = { cookie = true, ["x-forwarded-for"] = true }
local headers_max = 200

local variables = setmetatable({}, {
  __index = function(names, name)
    local variable = "http_" .. name:gsub("-", "_")
    names[name] = variable
    return variable
  end,
})

--- The first header of a name in lower case; nil when there is none.
function _M.header(request, name)
  if request.asked then
    return request.asked.headers[name]
  end
  if not joins_all and not joined[name] then
    return name:find(arriving) and ngx.var[variables[name]] or nil
  end
  request.headers = request.headers or ngx.req.get_headers(headers_max)
  local value = request.headers[name]
  return type(value) == "table" and value[1] or value
end

function _M.user_agent(request)
  if request.asked or joins_all then
    return _M.header(request, "user-agent")
  end
  return ngx.var.http_user_agent
end

function _M.method(request)
  return request.asked and request.asked.method or ngx.req.get_method()
end

function _M.scheme(request)
  return request.asked and request.asked.scheme or ngx.var.scheme
end

function _M.port(request)
  return request.asked and request.asked.port or tonumber(ngx.var.server_port)
end

--- The client's address as text.
function _M.source(request)
  return request.asked and request.asked.source or ngx.var.remote_addr
end

--- The client's address as bytes.
function _M.source_bytes(request)
  local bytes = request.source_bytes
  if not bytes then
    bytes = address.parse(_M.source(request)) or {}
    request.source_bytes = bytes
  end
  return bytes
end

--- Whether a request is a gRPC call, whatever its path.
function _M.is_grpc(request)
  local kind = _M.method(request) == "POST" and _M.header(request, "content-type")
  return kind and (kind == "application/grpc" or kind:find("^application/grpc[+;]") ~= nil) or false
end

local function hex_byte(digits)
  return string.char(tonumber(digits, 16))
end

local function unescape(text)
  if not text:find("[%%+]") then
    return text
  end
  return (text:gsub("+", " "):gsub("%%(%x%x)", hex_byte))
end

--- The first query value of a name, decoded; one without `=` is empty.
function _M.query(request, name)
  local values = request.query_values
  if not values then
    values = {}
    request.query_values = values
    for part in ((request.asked and request.asked.query or not request.asked and ngx.var.args) or ""):gmatch("[^&]+") do
      local key, value = part:match("^([^=]*)=(.*)$")
      key = unescape(key or part)
      if values[key] == nil then
        values[key] = unescape(value or "")
      end
    end
  end
  return values[name]
end

--- The first cookie of a name, as it stands there.
function _M.cookie(request, name)
  local values = request.cookie_values
  if not values then
    values = {}
    request.cookie_values = values
    for part in (_M.header(request, "cookie") or ""):gmatch("[^;]+") do
      local key, value = part:match("^[ \t]*([^=]-)[ \t]*=[ \t]*(.-)[ \t]*$")
      if key and values[key] == nil then
        values[key] = value
      end
    end
  end
  return values[name]
end

--- The value of a compiled hash key; nil for a missing one and for chance.
function _M.key(request, key)
  local kind = key.kind
  if kind == "source" then
    return _M.source(request)
  elseif kind == "path" then
    return request.path
  elseif kind == "random" then
    return nil
  end
  return _M[kind](request, key.name)
end

--- The number of a text: the first four bytes of its MD5.
function _M.number(text)
  local a, b, c, d = ngx.md5_bin(text):byte(1, 4)
  return a * 16777216 + bit.bor(bit.lshift(b, 16), bit.lshift(c, 8), d)
end

--- The bucket below `count` that a request falls into; by chance without a value. Also whether it was by chance.
function _M.bucket(request, key, salt, count)
  local value = _M.key(request, key)
  if value == nil then
    return math.random(0, count - 1), true
  end
  return _M.number(salt .. ":" .. value) % count, false
end

return _M
